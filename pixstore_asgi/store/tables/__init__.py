"""The tables of the stores in SQLite and PostgreSQL: each statement is written once for both databases."""
