"""The call that shows forwarding, and the replay of what it could not deliver."""

from starlette.responses import Response

from tallybrook.entrypoints.server.context import Call
from tallybrook.entrypoints.server.problems import json_response
from tallybrook.forwarding import again, reading
from tallybrook.forwarding.reading import Forwarding
from tallybrook.forwarding.report import decode
from tallybrook.ports.log import FailedRecord, Write


async def forwarding(call: Call) -> Response:
    return json_response(await call.context.read(_shown, call))


def _shown(call: Call) -> Forwarding:
    settings = call.context.settings
    if not settings.forward_to:
        return reading.shown(None, None, call.account_id)
    # Here and not above: whoever forwards nothing need not load it.
    from tallybrook.wiring.forwarding import forwarding_marks, forwarding_target

    marks = forwarding_marks(settings, call.context.stores.entities().state)
    return reading.shown(forwarding_target(settings).shown, decode(marks.read()), call.account_id)


async def send_again(call: Call, record: FailedRecord, edited: bytes | None) -> str:
    """Have a failed record of forwarding sent again, and settle it; the event's id."""
    state = call.context.stores.entities().state
    event = await call.context.read(again.put, state, record, edited)
    await call.context.handoff.write(Write(settle={record.failed_id: "replayed"}))
    return event.event_id
