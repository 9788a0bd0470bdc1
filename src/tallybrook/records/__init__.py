"""Records: rows of the user's own tables (items, tasks, ...) that are counted by their instant."""
