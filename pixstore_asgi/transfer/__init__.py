"""Moves images: from and to stores of the npm package pixstore, between stores of this package, and to plain files.

Each move is an async iterator of Steps, one for each image. An image that can't be moved gets a step with the reason,
and the move continues. To continue an interrupted move, run it again: it skips images that the target already has.
"""
