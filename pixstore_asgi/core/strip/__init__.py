"""Removes metadata from a container while the image arrives.

The rules decode nothing, so pixels, colours and frames stay the same, bit by bit. They keep only listed parts, and
remove each unknown chunk, segment, box or item. Existing libraries need the whole file (exiftool, exiv2), or decode the
picture and encode it again.
"""
