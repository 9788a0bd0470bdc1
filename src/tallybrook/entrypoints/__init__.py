"""The ways in: command line, server, worker. They import capabilities, never the reverse."""
