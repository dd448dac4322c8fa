"""The browser benchmarks: pages in Chromium, and what drives them."""
