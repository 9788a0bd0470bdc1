"""Texts come out as a word of a list, whatever they were."""

import json
from pathlib import Path
from typing import Any

import pytest

from tallybrook.errors import UsageError
from tallybrook.privacy import words
from tallybrook.privacy.library import built_in, countries, load
from tallybrook.privacy.normal import normal

WORDS = built_in()


@pytest.mark.parametrize(
    ("title", "role"),
    [
        ("CEO", "executive"), ("c.e.o.", "executive"), ("Co-founder & CTO", "executive"),
        ("Chief Executive Officer", "executive"), ("CFO/Director", "executive"),
        ("Chief  financial\tofficer", "executive"), ("chief_executive", "executive"),
        ("Director", "senior-management"), ("Director of Sales", "senior-management"),
        ("VP Engineering", "senior-management"), ("V.P.", "senior-management"),
        ("Vice-President, Ops", "senior-management"),
        ("Manager", "management"), ("Senior Manager", "management"),
        ("Lead", "senior-contributor"), ("Senior nurse", "senior-contributor"),
        ("Contractor", "contributor"), ("Doctor", "contributor"), ("Actor", "contributor"),
        ("Leader", "contributor"), ("Management", "contributor"), ("Seniority", "contributor"),
        ("", "contributor"), ("Dr. Jane Roe, ext. 17", "contributor"), (7, "contributor"),
        ({"ceo": "CEO"}, "contributor"), (None, None),
    ],
)  # fmt: skip
def test_roles(title: Any, role: str | None) -> None:
    """By whole words, the highest first: no director, contractor or doctor is an executive."""
    assert words.role(title, WORDS) == role


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605 Mobile/15E148", "tablet"),
        ("Mozilla/5.0 (Linux; Android 13; SM-X900) AppleWebKit/537.36 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/120 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148", "mobile"),
        ("Mozilla/5.0 (Android 14; Mobile; rv:120.0) Gecko/120.0 Firefox/120.0", "mobile"),
        ("Mozilla/5.0 (Android 14; Tablet; rv:120.0) Gecko/120.0 Firefox/120.0", "tablet"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120 Safari/537.36", "desktop"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.0 Safari/605", "desktop"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/120 Safari/537.36", "desktop"),
        ("curl/8.5.0", "other"), ("", "other"), (7, "other"), (None, None),
    ],
)  # fmt: skip
def test_devices(agent: Any, device: str | None) -> None:
    """iPads, and Android without "Mobile", are tablets."""
    assert words.device(agent) == device


@pytest.mark.parametrize(
    ("country", "region"),
    [
        ("DE", "europe"), ("deu", "europe"), ("Germany", "europe"), (" GERMANY ", "europe"),
        ("USA", "north-america"), ("U.S.A.", "north-america"), ("Mexico", "north-america"),
        ("the Netherlands", "europe"), ("Holland", "europe"), ("Côte d’Ivoire", "africa"),
        ("Cote d'Ivoire", "africa"), ("Brazil", "south-america"), ("Russia", "europe"),
        ("South Korea", "asia"), ("New Zealand", "oceania"), ("UK", "europe"),
        ("Atlantis", "other"), ("12 High Street, Leeds", "other"), ("", "other"),
        (49, "other"), (None, None),
    ],
)  # fmt: skip
def test_regions(country: Any, region: str | None) -> None:
    """A country by ISO code or English name comes out as its continent."""
    assert words.region(country, WORDS) == region


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("1", "1"), ("1.0", "1.0"), ("v2.1", "2.1"), (" 2.0.1 ", "2.0.1"), (2, "2"), (1.5, "1.5"),
        (0, "0"), ("12.03.85", "other"), ("10.0.0.1", "other"), ("1.0-jane", "other"),
        ("١.٠", "other"), ("", "other"), (True, "other"), (10**400, "other"), ([1], "other"),
        (4915112345678, "other"), (None, None),
    ],
)  # fmt: skip
def test_versions(told: Any, version: str | None) -> None:
    """Three digits at most: what has more could be a date, an address or a number."""
    assert words.version(told) == version


def test_industries_and_platforms() -> None:
    """Known names and their synonyms, else other; nothing said is null."""
    told = ["Technology", "information technology", "E-Commerce", "Jane's bakery", "", None, 7]
    assert [words.industry(name, WORDS) for name in told] == [
        "technology", "technology", "retail", "other", "other", None, "other",
    ]  # fmt: skip
    told = ["iOS", "MacIntel", "web", "Jane's iPad", None]
    assert [words.platform(name, WORDS) for name in told] == ["ios", "macos", "web", "other", None]


def test_the_table_of_countries_is_sound() -> None:
    """249 and a few more codes, every name in the form it is looked up in and of one country."""
    table = countries()
    names = [name for code, known in table.items() for name in (code, *known.names)]
    assert len(table) == 252
    assert len(names) == len(set(names))
    assert all(name == normal(name) for name in names)
    assert {len(code) for code in table} == {2}
    assert len({known.region for known in table.values()}) == 7


def test_words_of_ones_own(tmp_path: Path) -> None:
    """A part that is given replaces the built-in one; countries of no region are other."""
    path = tmp_path / "words.json"
    path.write_text(
        json.dumps(
            {
                "regions": {"dach": ["Germany", "at", "CHE"], "rest-of-europe": ["fr"]},
                "industries": {"baking": ["Jane's bakery"]},
            }
        )
    )
    own = load(str(path))
    told = ["de", "Austria", "Switzerland", "France", "Spain"]
    assert [words.region(name, own) for name in told] == [
        "dach", "dach", "dach", "rest-of-europe", "other",
    ]  # fmt: skip
    assert words.industry("janes bakery", own) == "other"
    assert words.industry("Jane's bakery", own) == "baking"
    assert words.industry("technology", own) == "other"
    assert words.role("CEO", own) == "executive"
    assert own.values("region") == {"other", "dach", "rest-of-europe"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "words.json"),
        ('{"colours": {}}', "colours"),
        ('{"industries": {"Jane Roe": []}}', "lower-case words"),
        ('{"regions": {"emea": ["atlantis"]}}', "atlantis"),
        ('{"regions": {"a": ["de"], "b": ["DE"]}}', "in a and in b"),
    ],
)
def test_unusable_words(tmp_path: Path, text: str, said: str) -> None:
    """The file and the fault are named."""
    path = tmp_path / "words.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=said) as error:
        load(str(path))
    assert "words.json" in error.value.detail
