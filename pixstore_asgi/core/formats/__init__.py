"""Which bytes are which image format: names and format bytes, and a reader for each container.

The readers follow the structure that a browser's decoder relies on and never decode a picture: magic bytes alone would
accept HTML behind a PNG signature. They hold back at most a few dozen bytes. Imaging libraries decode (and are large),
and the small type-guessing libraries stop at the magic bytes, which is why these readers are written here.
"""
