"""Means of facets that go together in descriptions of difficult behaviour at work; opt-in.

They are no diagnosis and have no cut-offs. The lists follow Miller et al. (2005) and Lynam and
Widiger (2001), with neutral names.
"""

from collections.abc import Mapping

from tallybrook.assessments.inventories import Inventory

_DOMAINS = {"N": "neuroticism", "E": "extraversion", "O": "openness", "A": "agreeableness"}
_DOMAINS["C"] = "conscientiousness"

LISTS: dict[str, str] = {
    "guarded": "N2 E1r E2r O4r O6r A1r A2r A3r A4r A6r",
    "detached": "E1r E2r E3r E4r E5r E6r O3r O4r",
    "eccentric": "N1 N4 E1r E2r E6r O5 C2r",
    "rule_breaking": "N1r N2 N4r N5 E3 E4 E5 O4 A1r A2r A3r A4r A5r A6r C3r C5r C6r",
    "volatile": "N1 N2 N3 N5 N6 O3 O4 A4r C6r",
    "attention_seeking": "N4r N5 E2 E4 E5 E6 O1 O3 O4 A1 C5r C6r",
    "self_important": "N2 N4r E1r E3 E5 O3r O4 A1r A2r A3r A4r A5r A6r",
    "inhibited": "N1 N4 N5r N6 E2r E3r E5r E6r O4r A5",
    "reliant": "N1 N4 N6 E3r A1 A4 A5",
    "rigid": "N1 N5r E5r O3r O4r O5r O6r C1 C2 C3 C4 C5 C6",
    "callous": "N1r N3r N4r N5 N6r E1r E3 E5 O3r O4 A1r A2r A3r A4r A5r A6r C1 C3r C5r C6r",
}
"""Facets by domain letter and number; ``r`` is reversed."""


def indicators(facets: Mapping[str, float | None], inventory: Inventory) -> dict[str, float | None]:
    """Every indicator from 0 to 100; null when one of its facets is."""
    found: dict[str, float | None] = {}
    for name, listed in LISTS.items():
        values = [_value(code, facets, inventory) for code in listed.split()]
        known = [value for value in values if value is not None]
        found[name] = sum(known) / len(known) if len(known) == len(values) else None
    return found


def _value(code: str, facets: Mapping[str, float | None], inventory: Inventory) -> float | None:
    names = inventory.domains.get(_DOMAINS[code[0]], ())
    number = int(code[1])
    value = facets.get(names[number - 1]) if number <= len(names) else None
    return 100 - value if value is not None and code.endswith("r") else value
