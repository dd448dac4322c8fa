"""What strangers send, made up by a fuzzer: the parsers by coverage, and servers' edges by raw sockets."""
