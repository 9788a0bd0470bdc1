"""Names for what does not name itself: the same delivery, the same name. Pure."""

from msgspec import Struct

from tallybrook.events.ids import stable_id


class Origin(Struct, frozen=True):
    """The place a message was delivered from.

    ``source`` names the trigger, ``identity`` the message within it for ever, ``at_us`` the
    instant the source gives for it: the same at every delivery, so never the clock's.
    """

    source: str
    identity: tuple[str, ...]
    at_us: int

    def name(self, part: int | str = 0) -> str:
        """The name of one part of the message."""
        return stable_id(self.at_us, self.source, *self.identity, str(part))
