"""What the rest is built of, pure: ids, records, formats, wire payloads, proofs and ciphers; no I/O, clock or loop."""
