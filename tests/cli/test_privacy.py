"""``tallybrook privacy``, as the person in charge of it runs it."""

import gzip
import json
import stat
from pathlib import Path

from tallybrook.privacy.people import ensure_person
from tallybrook.settings import Settings
from tallybrook.wiring import open_state
from tallybrook.wiring.privacy import open_privacy
from tests.assessments.raw import assessment
from tests.support import Ran, tallybrook

OWN = "0123456789abcdef" * 2


def raw(user: str, **told: object) -> str:
    return json.dumps(assessment(userId=user, demographics=told))


def privacy(data: Path, *args: str, stdin: str = "", **env: str) -> Ran:
    return tallybrook("privacy", *args, stdin=stdin, env={"TALLYBROOK_DATA": str(data)} | env)


def made(data: Path, user: str, account: str = "default") -> str:
    """The pseudonym of a user, who is somebody from now on."""
    settings = Settings(data=str(data))
    state = open_state(settings)
    return ensure_person(state, open_privacy(settings).keys.newest, account, user).anonymous_user_id


def test_k_report_of_raw_assessments(tmp_path: Path) -> None:
    """The smallest group in people, and what lies below k; gzipped or not."""
    lines = [raw(f"u{n}", age=25, role="clerk") for n in range(12)]
    lines += [raw("jane@mail.example.com", age=64, role="CEO")] * 3
    path = tmp_path / "raw.ndjson.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
    ran = tallybrook("privacy", "k-report", str(path), "--raw", "--format", "json")
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    assert {name: report[name] for name in ("k", "threshold", "rows", "people", "cells")} == {
        "k": 1, "threshold": 10, "rows": 15, "people": 13, "cells": 2,
    }  # fmt: skip
    assert (report["cells_below"], report["rows_below"], report["people_below"]) == (1, 3, 1)
    assert report["columns"] == ["age_range", "industry", "role", "experience", "region"]
    assert report["worst"][0]["cell"]["role"] == "executive"
    assert "jane" not in ran.out + ran.err


def test_k_report_as_a_table_and_a_check() -> None:
    """For people; and for a pipeline, which it stops."""
    rows = [
        {"anonymous_user_id": f"k_{n}", "age_range": "21-30", "region": "europe"} for n in range(4)
    ]
    stdin = "\n".join(map(json.dumps, rows))
    ran = tallybrook("privacy", "k-report", "-", stdin=stdin)
    assert ran.code == 0, ran.err
    assert "cells_below" in ran.out
    assert "21-30" in ran.out
    assert tallybrook("privacy", "k-report", "-", "--check", stdin=stdin).code == 1
    assert tallybrook("privacy", "k-report", "-", "-k", "4", "--check", stdin=stdin).code == 0


def test_lines_that_cannot_be_counted() -> None:
    """Are told with their number and not quoted; the others are counted."""
    good = json.dumps({"age_range": "21-30"})
    stdin = "\n".join([good, "{jane", raw("jane"), json.dumps({"role": "jane"}), "[1]"])
    ran = tallybrook("privacy", "k-report", "-", "--format", "json", stdin=stdin)
    assert ran.code == 1
    assert json.loads(ran.out)["rows"] == 1
    assert "lines not counted: 4" in ran.err
    assert "line 2" in ran.err
    assert "jane" not in ran.out + ran.err


def test_k_report_with_words_of_ones_own(tmp_path: Path) -> None:
    """By option or by the environment; a wrong file is a wrong command line."""
    words = tmp_path / "words.json"
    words.write_text(json.dumps({"regions": {"dach": ["de"]}}))
    args = ("privacy", "k-report", "-", "--raw", "--format", "json")
    for more, env in (
        (("--words", str(words)), {}), ((), {"TALLYBROOK_PRIVACY": str(words)}),
    ):  # fmt: skip
        ran = tallybrook(*args, *more, stdin=raw("u", country="Germany"), env=env)
        assert json.loads(ran.out)["worst"][0]["cell"]["region"] == "dach"
    assert tallybrook(*args, "--words", "none.json", stdin="").code == 2
    assert tallybrook(*args, "-k", "0", stdin="").code == 2


def test_the_first_key_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """In a file of mode 0600, and is the same from then on; its secret is never shown."""
    first = json.loads(privacy(tmp_path, "keys", "list", "--format", "json").out)
    assert [key["use"] for key in first] == ["makes"]
    path = tmp_path / "secrets" / "privacy"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = privacy(tmp_path, "keys", "list", "--format", "json")
    assert json.loads(again.out) == first
    assert json.loads(path.read_text())["keys"][0]["secret"] not in again.out


def test_rotating(tmp_path: Path) -> None:
    """The new key makes, the old one is recognised until its instant."""
    old = made(tmp_path, "jane")
    ran = privacy(tmp_path, "keys", "rotate", "--window-days", "2")
    assert ran.code == 0, ran.err
    keys = json.loads(privacy(tmp_path, "keys", "list", "--format", "json").out)
    assert [key["use"] for key in keys] == ["makes", "recognised"]
    assert keys[0]["kid"] in ran.err
    assert keys[0]["recognised_until"] is None
    assert keys[1]["recognised_until"] > keys[0]["made_at"]
    assert privacy(tmp_path, "lookup", "jane").out.split() == [old]
    assert privacy(tmp_path, "keys", "rotate", "--window-days", "0.5").code == 2


def test_a_given_secret_is_rotated_where_it_is_given(tmp_path: Path) -> None:
    """And one that is too short is refused at the start."""
    ran = privacy(tmp_path, "keys", "rotate", TALLYBROOK_SECRET=OWN)
    assert ran.code == 2
    assert "TALLYBROOK_OLDER_SECRETS" in ran.err
    both = privacy(
        tmp_path, "keys", "list", "--format", "json",
        TALLYBROOK_SECRET=OWN, TALLYBROOK_OLDER_SECRETS=OWN[::-1],
    )  # fmt: skip
    assert len(json.loads(both.out)) == 2
    short = privacy(tmp_path, "keys", "list", TALLYBROOK_SECRET="hunter2hunter2")
    assert short.code == 2
    assert "32 bytes" in short.err
    assert "hunter2" not in short.err


def test_looking_up_and_forgetting(tmp_path: Path) -> None:
    """By argument or standard input, an account at a time; the second time there is nothing."""
    name = made(tmp_path, "Zoë")
    rival = made(tmp_path, "Zoë", "rival")
    assert privacy(tmp_path, "lookup", "-", stdin=" Zoe\u0308 \n").out.split() == [name]
    ran = privacy(tmp_path, "forget", "-", stdin="Zoë\n")
    assert (ran.code, ran.out) == (0, "")
    assert "1 pseudonym cut" in ran.err
    assert privacy(tmp_path, "lookup", "Zoë").out == ""
    assert "no pseudonym" in privacy(tmp_path, "forget", "Zoë").err
    assert privacy(tmp_path, "lookup", "Zoë", "--account", "rival").out.split() == [rival]
    assert made(tmp_path, "Zoë") != name
    assert privacy(tmp_path, "forget", " ").code == 2
    assert privacy(tmp_path, "forget", "x", "--account", "No Such").code == 1
