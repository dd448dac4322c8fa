"""Image formats: names, format bytes, and a reader for each container.

The readers check the structure that a browser's decoder relies on, without decoding: magic bytes alone would accept
HTML after a PNG signature. They buffer at most a few dozen bytes. Existing libraries either decode the whole picture or
check only the magic bytes.
"""
