"""What can go wrong."""


class BundlingError(Exception):
    """A bundle cannot be made; the text says why."""
