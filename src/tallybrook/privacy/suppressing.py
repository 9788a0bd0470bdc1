"""Which cells of a published table are withheld so that no small group can be read off. Pure.

Every cell below k goes (primary suppression). Where what is left of a line would give one of them
away by subtraction from the line's total, the smallest cells of that line go as well (secondary
suppression), until at least two are withheld in it and at least k people are behind them. Lines are
taken along every dimension of the cells' keys; a table of one dimension is one line.

It keeps anybody from finding a withheld count by subtraction along a line. It is no protection from
who compares two publications, or solves for the bounds of several lines at once.
"""

from collections.abc import Mapping

Key = tuple[str | None, ...]


def suppress(people: Mapping[Key, int], k: int) -> frozenset[Key]:
    """The keys to withhold of a table ``{key: number of people}``, all keys equally long.

    A cell with nobody in it is below k, too. With fewer than k people in a line all of it goes.
    """
    withheld = {key for key, count in people.items() if count < k}
    lines = _lines(people)
    while more := {key for line in lines for key in _exposed(line, people, withheld, k)}:
        withheld |= more
    return frozenset(withheld)


def _lines(people: Mapping[Key, int]) -> list[list[Key]]:
    """The keys that differ in one dimension alone, smallest cell first."""
    found: dict[tuple[int, Key], list[Key]] = {}
    for key in people:
        for at in range(len(key)):
            found.setdefault((at, key[:at] + key[at + 1 :]), []).append(key)
    return [sorted(line, key=lambda key: (people[key], str(key))) for line in found.values()]


def _exposed(line: list[Key], people: Mapping[Key, int], withheld: set[Key], k: int) -> list[Key]:
    """What else of a line has to go now: nothing, or its smallest cell that is left."""
    gone = [key for key in line if key in withheld]
    if not gone or (len(gone) > 1 and sum(people[key] for key in gone) >= k):
        return []
    return [key for key in line if key not in withheld][:1]
