"""Hostile input from a fuzzer: the parsers by coverage, and servers' edges by raw sockets."""
