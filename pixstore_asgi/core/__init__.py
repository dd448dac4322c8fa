"""Pure building blocks: ids, records, formats, wire payloads, proofs and ciphers; no I/O, clock or event loop."""
