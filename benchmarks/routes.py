"""Where the contestants serve their images."""

IMAGES_ROUTE = "/pixstore-image"
FILES_ROUTE = "/files"
