"""Records and events per 1, 5, 15 and 60 minutes: delta, recount, range reads."""
