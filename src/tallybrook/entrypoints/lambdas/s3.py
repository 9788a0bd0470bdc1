"""Files put into the bucket: told of by S3 itself.

The function is invoked asynchronously: what was not finished raises, and Lambda invokes it again;
a long file goes on where it stopped.
"""

from collections.abc import Mapping
from typing import Any

from tallybrook.entrypoints.lambdas import runtime
from tallybrook.entrypoints.lambdas.messages import Reading
from tallybrook.entrypoints.lambdas.notifications import read_notification
from tallybrook.entrypoints.lambdas.objects import work_off
from tallybrook.entrypoints.lambdas.storing import Delivery, store_all


@runtime.metered
def handler(event: Mapping[str, Any], context: Any) -> None:
    """Work off the new files; raises ``StorageError`` where one of them has to come again."""
    opened = runtime.opened()
    reading = Reading(opened.now_us(), opened.settings.keep_ip)
    items, found = read_notification(event, reading)
    own = [ref for ref in found if ref.bucket == opened.settings.bucket]
    others = [ref for ref in found if ref not in own]
    store_all([Delivery("notification", items, others)], opened)
    work_off(own, opened, lambda: context.get_remaining_time_in_millis() / 1000)


runtime.prepare(runtime.opened)
