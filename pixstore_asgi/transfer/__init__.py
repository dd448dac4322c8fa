"""Moves of images: to and from npm's stores, between stores of this package, and to plain files.

Each move is an async iterator of Steps, one for each image. An image that can't be moved is a step with the reason, and
the move continues. Run an interrupted move again to continue it: images that already exist are steps too.
"""
