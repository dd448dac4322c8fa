"""How a worker tells its parent what it does."""

import json
import os


def tell(**facts: object) -> None:
    """Tell facts by one line of JSON on stdout, in one system call: what was told is not lost by a kill."""
    os.write(1, (json.dumps(facts) + "\n").encode())
