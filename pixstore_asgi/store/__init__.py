"""Where encrypted images are kept: the interface every store implements, and its drivers."""
