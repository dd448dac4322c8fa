"""Everything at once, for an hour: hosts under traffic that are killed, set back, rotated and backed up."""
