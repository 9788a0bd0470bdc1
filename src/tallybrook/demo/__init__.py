"""The demo's data and script: what is loaded as history and what is sent live. No I/O but files."""
