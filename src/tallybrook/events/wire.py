"""The shapes that come in over the wire, before they are checked."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tallybrook.events.model import MAX_TEXT

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class EventIn(Struct, forbid_unknown_fields=True, gc=False):
    """A product event as a client sends it. Unknown keys take the slower, explaining path."""

    event_type: Text
    event_id: Text | None = None
    timestamp: str | None = None
    user_id: Text | None = None
    anonymous_id: Text | None = None
    session_id: Text | None = None
    properties: Raw | UnsetType = UNSET
    payload: Raw | UnsetType = UNSET
    context: Raw | UnsetType = UNSET
    messageId: Text | None = None  # noqa: N815 (Segment's name)
    id: Text | None = None


class RawBatchIn(Struct):
    """A batch whose items are still raw, so that one bad item spoils only itself."""

    events: list[Raw]


class BatchIn(Struct, forbid_unknown_fields=True):
    """The same batch decoded in one go: the usual case, in which every item is well formed."""

    events: list[EventIn]
