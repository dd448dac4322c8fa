"""The part `slow-line`: a page of thumbnails over slow 4G, on a slow processor."""
