"""Live updates of entities and alerts on AWS: what the function that takes them in tells.

It says what was told of which type with ``push_changed``, and publishes alerts on an
``Announcing`` bus. What changes by time alone is for the client to read again.
"""

from collections.abc import Sequence

import msgspec

from tallybrook.entities import telling
from tallybrook.entities.refreshing import Touched
from tallybrook.entrypoints.lambdas import live
from tallybrook.entrypoints.lambdas.runtime import Opened
from tallybrook.live.messages import LiveTopic, Message
from tallybrook.ports.bus import Bus, Notice
from tallybrook.ports.sockets import MAX_MESSAGE_BYTES, Sockets

_AT_ONCE = 20
"""Alerts a message: with names as long as they may be it is not too large."""

_encode = msgspec.json.encode


class Announcing:
    """``ports.bus.Bus``: one that also tells the subscribers of ``alerts`` what it has published.

    Told once or more, as the notice itself; what cannot be told is logged and left.
    """

    def __init__(self, bus: Bus, opened: Opened, sockets: Sockets) -> None:
        self._bus, self._opened, self._sockets = bus, opened, sockets

    def publish(self, notices: Sequence[Notice]) -> None:
        self._bus.publish(notices)
        with live.telling():
            for at in range(0, len(notices), _AT_ONCE):
                self._push(notices[at : at + _AT_ONCE])

    def _push(self, notices: Sequence[Notice]) -> None:
        opened = self._opened
        known, now_us = opened.stores.entities(), opened.now_us()
        found = telling.new_alerts(known.state, known.catalog, notices, now_us)
        for account_id, data in found.items():
            message = _encode(Message("delta", "alerts", opened.log.head, data))
            self._sockets.push(account_id, "alerts", message)


def push_changed(touched: Sequence[Touched], opened: Opened, sockets: Sockets) -> None:
    """Tell the subscribers of ``entities`` of which types something was told. ``touched`` is what
    ``take_in`` answers."""
    with live.telling():
        for account_id, data in telling.changed_types(touched, opened.now_us()).items():
            message = _encode(Message("delta", "entities", opened.log.head, data))
            sockets.push(account_id, "entities", message)


def entities_snapshot(account_id: str, topic: LiveTopic, opened: Opened, seq: int) -> bytes:
    """The first message of ``entities`` or ``alerts``, of as many alerts as it can carry."""
    known, now_us = opened.stores.entities(), opened.now_us()
    if topic == "entities":
        types = telling.every_type(known.catalog, now_us)
        return _encode(Message("snapshot", topic, seq, types))
    found = telling.newest_alerts(known.state, known.catalog, account_id, now_us)
    message = _encode(Message("snapshot", topic, seq, found))
    while len(message) > MAX_MESSAGE_BYTES and found.alerts:
        found.alerts = found.alerts[: len(found.alerts) // 2]
        message = _encode(Message("snapshot", topic, seq, found))
    return message
