"""The modules of the commands. Django takes the name of a command from its module."""
