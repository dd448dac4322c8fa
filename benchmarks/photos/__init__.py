"""The part `pictures`: photos saved with smaller copies of them, stripped, padded, and shown as a page."""
