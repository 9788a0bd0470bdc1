"""Files of events put into the bucket: told of by S3 itself.

The function is invoked asynchronously: what was not stored raises, and Lambda invokes it again.
Rows that are in the log by then are duplicates.
"""

from collections.abc import Mapping
from typing import Any

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.messages import Reading
from tallybrook.entrypoints.lambdas.notifications import read_notification
from tallybrook.entrypoints.lambdas.storing import Delivery, store_all


def handler(event: Mapping[str, Any], context: object) -> None:
    """Store the rows of the new objects under ``raw/events/``; raises ``StorageError``."""
    opened = runtime.opened()
    reading = Reading(opened.now_us(), opened.settings.keep_ip)
    items, objects = read_notification(event, reading)
    store_all([Delivery("notification", items, objects)], opened)


runtime.prepare(runtime.opened)
