"""One metric over a range of time, grouped: from counters where they say it, else by a scan."""
