"""The worker process: consumers of the log, each in a thread of its own."""
