"""Looking after a store for years: verifying all of it, counting it, taking away what nothing needs."""
