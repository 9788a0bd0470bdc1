"""Work of several steps that survives crashes: files, backfills, and what is done by the clock."""
