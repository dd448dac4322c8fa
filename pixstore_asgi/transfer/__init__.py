"""Moving in and out: to and from a store of npm's pixstore, from any store of ours to any other, out as plain files.

Each move is an async iterator of Steps, one for each image: one that can't be moved is a step with its reason and never
the end of the move. What is there already is a step too, so a move that was cut off goes on when it is run again.
"""
