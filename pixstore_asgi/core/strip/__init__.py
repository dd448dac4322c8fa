"""Metadata taken out of containers while images pass by: what says where, when and by whom, and never a pixel.

The rules follow the containers and decode nothing, so pixels, colours and frames stay as they are, bit by bit. They
work from lists of what stays: a chunk, segment, box or item that nobody here has heard of goes. Libraries that do this
want the whole file (exiftool, exiv2), or decode the picture and encode it anew.
"""
