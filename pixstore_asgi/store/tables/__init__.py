"""The tables of a relational store: each statement is stated once for all databases."""
