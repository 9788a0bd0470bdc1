"""What an event is, how one is read from bytes, its time and its identity."""
