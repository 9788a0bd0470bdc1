"""Messages of two AIs: each measured once, kept, read over a window, watched for drift."""
