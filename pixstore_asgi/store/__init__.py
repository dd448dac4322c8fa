"""The stores of encrypted images: the interface that every store implements, and its drivers."""
