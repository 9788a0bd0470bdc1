"""What is kept, as usage of a day. Pure."""

from calendar import monthrange

from tallybrook.ports.usage import SHARED, Stored, Usage

FUNCTION = "store"
"""What keeping is told under, also where it is reckoned instead of measured."""

_GB = 2**30


def usage_of(kept: Stored, day: str) -> list[Usage]:
    """A day of keeping it: its part of the month, in GB-months. No account's alone."""
    days = monthrange(int(day[:4]), int(day[5:7]))[1]
    sizes = {
        "dynamodb.storage": kept.table_bytes,
        "dynamodb.backup": kept.backed_up_bytes,
        "s3.storage": kept.object_bytes,
        "s3.storage_ia": kept.seldom_bytes,
    }
    return [
        Usage(day, SHARED, FUNCTION, meter, size / _GB / days)
        for meter, size in sizes.items()
        if size
    ]
