"""The demo application: a small gallery whose pictures only its own page can read."""
