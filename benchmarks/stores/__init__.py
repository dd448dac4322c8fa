"""The part `stores`: SQLite and PostgreSQL, with bodies beside the rows and in a bucket, side by side."""
