"""Moves: to and from a store of the npm package, from any store of this package to any other, and to plain files.

Each move is an async iterator of Steps, one for each image. An image that can't be moved is a step with its reason and
does not end the move. Run an interrupted move again to continue it: images that are there already are steps too.
"""
