"""Events as messages of a queue: an event a line, many a message. Pure."""

from collections.abc import Iterator, Sequence

MAX_BYTES = 200_000
"""Of a message: below what one of SQS may have, and what a function is handed ten of."""


def packed(bodies: Sequence[bytes]) -> list[str]:
    """The bodies in order, as few messages as they fit. An event alone may be longer."""
    return [_text(lines) for lines in _grouped(bodies)]


def _grouped(bodies: Sequence[bytes]) -> Iterator[list[bytes]]:
    lines: list[bytes] = []
    size = 0
    for body in bodies:
        if lines and size + len(body) > MAX_BYTES:
            yield lines
            lines, size = [], 0
        lines.append(body)
        size += len(body) + 1
    if lines:
        yield lines


def _text(lines: Sequence[bytes]) -> str:
    """Without the two characters that JSON may hold and a queue not."""
    text = b"\n".join(lines).decode()
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
