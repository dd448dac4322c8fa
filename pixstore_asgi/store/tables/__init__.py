"""The tables of a relational store: each statement once, for every database."""
