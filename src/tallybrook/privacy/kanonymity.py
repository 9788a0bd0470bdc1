"""How many people share a description: k-anonymity (Sweeney, 2002) over five columns. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tallybrook.errors import InvalidError
from tallybrook.privacy import bands, words
from tallybrook.privacy.pseudonyms import read_id
from tallybrook.privacy.vocabulary import Vocabulary

COLUMNS = ("age_range", "industry", "role", "experience", "region")
"""What an outsider may know of somebody (their quasi-identifier)."""

K = 10
"""Cells with fewer people are not published."""

WORST = 10
_POSITIVE = (1 << 63) - 1

Cell = tuple[str | None, ...]
"""One description: the values of ``COLUMNS``, None where nothing was said."""


class CellCount(Struct, frozen=True):
    """How many people and rows a cell has."""

    cell: dict[str, str | None]
    people: int
    rows: int


class KReport(Struct, frozen=True, kw_only=True):
    """``k`` is the number of people in the smallest cell, None without a row.

    A person in several cells (their age band changed) is counted in each of them. ``worst`` are
    the smallest cells of those below ``threshold``, smallest first: not for publication.
    """

    columns: tuple[str, ...]
    threshold: int
    k: int | None
    rows: int
    people: int
    cells: int
    cells_below: int
    rows_below: int
    people_below: int
    worst: list[CellCount]
    reason: str | None = None


class Tally:
    """Rows as they come; memory grows with the people, not with the rows."""

    def __init__(self) -> None:
        self._people: dict[Cell, set[int]] = {}
        self._rows: dict[Cell, int] = {}
        self._unnamed = 0

    def add(self, cell: Cell, who: str | None) -> None:
        """A row of somebody; None: of a person of whom there is no other row."""
        self._rows[cell] = self._rows.get(cell, 0) + 1
        if who is None:
            self._unnamed += 1
        # No hash of a name is below zero.
        name = -self._unnamed if who is None else hash(who) & _POSITIVE
        self._people.setdefault(cell, set()).add(name)

    def report(self, threshold: int = K, worst: int = WORST) -> KReport:
        """What there is so far."""
        sizes = {cell: len(people) for cell, people in self._people.items()}
        below = [(size, self._rows[cell], cell) for cell, size in sizes.items() if size < threshold]
        below.sort(key=lambda found: (found[0], found[1], tuple(v or "" for v in found[2])))
        return KReport(
            columns=COLUMNS,
            threshold=threshold,
            k=min(sizes.values(), default=None),
            rows=sum(self._rows.values()),
            people=len(set().union(*self._people.values())),
            cells=len(sizes),
            cells_below=len(below),
            rows_below=sum(rows for _, rows, _ in below),
            people_below=len(set().union(*(self._people[cell] for _, _, cell in below))),
            worst=[
                CellCount(dict(zip(COLUMNS, cell, strict=True)), size, rows)
                for size, rows, cell in below[:worst]
            ],
            reason=None if sizes else "there are no rows",
        )


def raw_row(raw: Mapping[str, Any], vocabulary: Vocabulary) -> tuple[Cell, str | None]:
    """The cell of a raw assessment as it will be, and whose it is. Raises ``InvalidError``."""
    told = raw.get("demographics")
    if told is not None and not isinstance(told, Mapping):
        raise InvalidError.of("/demographics", "must be an object")
    told = told or {}
    cell = (
        bands.age_range(told.get("age")),
        words.industry(told.get("industry"), vocabulary),
        words.role(told.get("role"), vocabulary),
        bands.experience(told.get("yearsExperience")),
        words.region(told.get("country"), vocabulary),
    )
    return cell, read_id(raw.get("userId")) or None


def anonymised_row(row: Mapping[str, Any], vocabulary: Vocabulary) -> tuple[Cell, str | None]:
    """The cell of a row of ``assessment_events``, and whose it is.

    Raises ``InvalidError``, which does not quote, for a row that has none of the columns, or in
    one of them what is no value of it.
    """
    if not any(column in row for column in COLUMNS):
        raise InvalidError(f"has none of {', '.join(COLUMNS)}")
    for column, known in _values(vocabulary).items():
        value = row.get(column)
        if value is not None and not (isinstance(value, str) and value in known):
            raise InvalidError.of(f"/{column}", "is no value of that column; is the row raw?")
    who = row.get("anonymous_user_id")
    return tuple(row.get(column) for column in COLUMNS), who if isinstance(who, str) else None


def _values(vocabulary: Vocabulary) -> dict[str, frozenset[str]]:
    listed = {"age_range": frozenset(bands.AGES), "experience": frozenset(bands.EXPERIENCES)}
    return listed | {name: vocabulary.values(name) for name in COLUMNS if name not in listed}
