"""Cutting a JSON array into the bytes of its items, as the bytes come in."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tallybrook.errors import MalformedError
from tallybrook.files.rows import MAX_ROW_BYTES

_OUTSIDE = re.compile(rb'["{}\[\],\n]')
_INSIDE = re.compile(rb'["\\]')


class Item(NamedTuple):
    line: int
    text: bytes
    cut: bool


class ArraySplitter:
    """Cuts an array into its items without reading them: only strings and brackets matter."""

    def __init__(self) -> None:
        self.depth = 0
        self.quoted = False
        self.escaped = False
        self.line = 1
        self._start_line = 1
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def feed(self, block: bytes) -> Iterator[Item]:
        at = start = 0
        while at < len(block):
            if self.escaped:
                self.escaped, at = False, at + 1
                continue
            found = (_INSIDE if self.quoted else _OUTSIDE).search(block, at)
            if found is None:
                break
            at = found.end()
            mark = found[0]
            before = self.depth
            self._turn(mark)
            if before == 0 and self.depth == 1:
                start, self._start_line = at, self.line
            elif (mark == b"," and self.depth == 1) or (before == 1 and self.depth == 0):
                yield from self._cut(block[start : at - 1])
                start = at
                if self.depth == 0:
                    self._rest(block[at:])
                    return
        self._keep(block[start:])

    def finish(self) -> Iterator[Item]:
        """What is left when the bytes end inside the array."""
        if self.depth > 0:
            yield from self._cut(b"")
            raise MalformedError(f"the array is never closed (line {self.line})")

    def _turn(self, mark: bytes) -> None:
        if self.quoted:
            self.quoted, self.escaped = mark != b'"', mark == b"\\"
        elif mark == b'"':
            self.quoted = True
        elif mark in b"{[":
            self.depth += 1
        elif mark in b"}]":
            self.depth -= 1
        elif mark == b"\n":
            self.line += 1

    def _keep(self, part: bytes) -> None:
        if self._size_bytes <= MAX_ROW_BYTES:
            self._parts.append(part)
        self._size_bytes += len(part)

    def _cut(self, part: bytes) -> Iterator[Item]:
        self._keep(part)
        text = b"".join(self._parts)
        over = self._size_bytes > MAX_ROW_BYTES
        lead = text[: len(text) - len(text.lstrip())].count(b"\n")
        if text.strip():
            yield Item(self._start_line + lead, text.strip()[:MAX_ROW_BYTES], over)
        self._parts, self._size_bytes, self._start_line = [], 0, self.line

    def _rest(self, part: bytes) -> None:
        if part.strip():
            raise MalformedError(f"text follows the array's end (line {self.line})")
