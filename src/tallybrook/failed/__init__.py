"""Failed records: what could not be processed, kept until somebody fixes or discards it."""
