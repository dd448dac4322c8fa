"""The browser benchmarks: pages in Chromium, and their driver."""
