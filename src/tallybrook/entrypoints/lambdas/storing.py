"""Deliveries into the log: which of them are stored, and which have to come again."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from tallybrook.entrypoints.lambdas.messages import Item
from tallybrook.entrypoints.lambdas.notifications import ObjectRef
from tallybrook.entrypoints.lambdas.runtime import Opened, log
from tallybrook.errors import RetryableError, StorageError, TallybrookError
from tallybrook.events.batches import MAX_BATCH_EVENTS
from tallybrook.events.model import Event
from tallybrook.ports.log import FailedRecord, Log, Write


class Delivery(Struct):
    """One record of a trigger. ``key`` is what the trigger knows it by, "" when it has no name.

    ``items`` is what it holds, ``objects`` what it points to.
    """

    key: str
    items: Sequence[Item] = ()
    objects: Sequence[ObjectRef] = ()


def store(deliveries: Sequence[Delivery], opened: Opened) -> list[str]:
    """Store everything; the keys of the deliveries that have to come again, in their order.

    Where the storage is away, the first delivery that did not go in and all after it: nothing
    overtakes. Where it refuses one write for good, only the deliveries that it refuses alone.
    Raises ``StorageError`` when one of them has no key, as nothing else would bring it back.
    """
    refused: list[str] = []
    groups = list(_grouped(deliveries))
    for index, group in enumerate(groups):
        try:
            _store_group(group, opened)
        except RetryableError as error:
            log.warning("not stored, to be delivered again: %s", error)
            refused += [delivery.key for later in groups[index:] for delivery in later]
            break
        except TallybrookError as error:
            refused += _one_by_one(group, opened, error)
    if "" in refused:
        raise StorageError("a delivery without a name was not stored")
    return refused


def store_all(deliveries: Sequence[Delivery], opened: Opened) -> None:
    """The same for a trigger that delivers all of it again or nothing: raises ``StorageError``."""
    refused = store(deliveries, opened)
    if refused:
        raise StorageError(f"{len(refused)} of {len(deliveries)} records were not stored")


def failures(keys: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """A partial-batch answer: an empty one acknowledges everything."""
    return {"batchItemFailures": [{"itemIdentifier": key} for key in keys]}


def write_items(items: Sequence[Item], sink: Log) -> None:
    """Write the items, 500 at a time, in order. Raises what the log raises."""
    for at in range(0, len(items), MAX_BATCH_EVENTS):
        part = items[at : at + MAX_BATCH_EVENTS]
        sink.write(
            Write(
                [item for item in part if isinstance(item, Event)],
                failed=[item for item in part if isinstance(item, FailedRecord)],
            )
        )


def _grouped(deliveries: Iterable[Delivery]) -> Iterator[list[Delivery]]:
    """Deliveries that share a write: 500 items at most; one that points to objects is alone."""
    group: list[Delivery] = []
    size = 0
    for delivery in deliveries:
        full = size + len(delivery.items) > MAX_BATCH_EVENTS
        if group and (full or delivery.objects or group[-1].objects):
            yield group
            group, size = [], 0
        group.append(delivery)
        size += len(delivery.items)
    if group:
        yield group


def _store_group(group: Sequence[Delivery], opened: Opened) -> None:
    write_items([item for delivery in group for item in delivery.items], opened.log)
    for ref in (ref for delivery in group for ref in delivery.objects):
        # Here and not above: most triggers never point to an object.
        from tallybrook.entrypoints.lambdas.objects import object_items, work_off

        if ref.bucket == opened.settings.bucket:
            work_off([ref], opened)
            continue
        waiting: list[Item] = []
        for item in object_items(ref, opened):
            waiting.append(item)
            if len(waiting) == MAX_BATCH_EVENTS:
                write_items(waiting, opened.log)
                waiting = []
        write_items(waiting, opened.log)


def _one_by_one(group: Sequence[Delivery], opened: Opened, error: TallybrookError) -> list[str]:
    """A write refused for good: find out which delivery of it is meant."""
    if len(group) == 1:
        log.error("refused: %s", error)
        return [group[0].key]
    return [key for delivery in group for key in store([delivery], opened)]
