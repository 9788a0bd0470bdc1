"""From a raw assessment to a stored score: received, anonymised, scored once, read again."""
