"""``tallybrook score`` and ``tallybrook agreement``, as a researcher runs them."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.assessments.dual import drawn, worked
from tests.entities.world import NOW_US
from tests.support import tallybrook


def line(**fields: Any) -> str:
    responses = [{"questionId": str(n), "answer": n % 5 + 1} for n in range(1, 121)]
    return json.dumps(
        {"assessmentId": "a", "assessmentType": "ocean-120", "responses": responses} | fields
    )


def test_a_line_in_is_a_line_out() -> None:
    """In order, whatever is wrong with one of them; the exit code tells that something was."""
    bad = line(assessmentId="b", responses=[{"questionId": "1", "answer": 9}])
    ran = tallybrook("score", "-", stdin="\n".join([line(), "{", bad, "7", line(scale="1-6")]))
    out = [json.loads(text) for text in ran.out.splitlines()]
    assert ran.code == 1
    assert ["scores" in result for result in out] == [True, False, False, False, True]
    assert out[2]["assessmentId"] == "b"
    assert out[2]["error"]["errors"][0]["pointer"] == "/responses/0/answer"
    assert out[1]["line"] == 2
    assert "3 of 5" in ran.err


def test_files_and_options(tmp_path: Path) -> None:
    """Gzipped files are read; an inventory of one's own needs no code; indicators on request."""
    path = tmp_path / "in.ndjson.gz"
    path.write_bytes(gzip.compress(line().encode()))
    ran = tallybrook("score", str(path), "--indicators")
    assert ran.code == 0
    assert len(json.loads(ran.out)["dark_side_indicators"]) == 11
    own = {
        "id": "two", "name": "Two", "scale": "0-100", "max_missing": 0, "source": "own",
        "domains": {"calm": ["rest"]},
        "items": [
            {"id": "x", "domain": "calm", "facet": "rest", "reversed": False},
            {"id": "y", "domain": "calm", "facet": "rest", "reversed": True},
        ],
    }  # fmt: skip
    key = tmp_path / "two.json"
    key.write_text(json.dumps(own))
    answers = [{"questionId": "x", "answer": 80}, {"questionId": "y", "answer": 40}]
    ran = tallybrook("score", "-", "--inventory", str(key), stdin=line(responses=answers))
    assert json.loads(ran.out)["scores"]["calm"] == 70
    key.write_text(json.dumps(own | {"domains": {"calm": []}}))
    ran = tallybrook("score", "-", "--inventory", str(key), stdin=line())
    assert ran.code == 2
    assert "two.json" in ran.err


def test_an_unknown_inventory_is_named() -> None:
    """With those that there are."""
    ran = tallybrook("score", "-", stdin=line(assessmentType="mbti"))
    assert ran.code == 1
    assert "ocean-120" in json.loads(ran.out)["error"]["detail"]


def test_agreement_prints_everything() -> None:
    """Numbers with intervals, the missing counted, the undefined with a reason."""
    rows = [{"a": n, "b": n + n % 3, "confidence_a": 0.9} for n in range(30)] + [
        {"a": 1, "b": None}
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    ran = tallybrook("agreement", "-", "--tolerance", "1", stdin=text)
    found = json.loads(ran.out)
    assert (ran.code, found["pairs"], found["missing"]) == (0, 30, 1)
    assert found["statistics"]["bias"] == pytest.approx(-1)
    assert found["intervals"]["icc"][0] < found["statistics"]["icc"]
    assert found["reasons"] == {
        "brier_b": "there are no confidences", "ece_b": "there are no confidences"
    }  # fmt: skip


def test_agreement_of_categories_and_bad_lines() -> None:
    """Declared categories are weighed by their order; a line that is no rating is named."""
    text = '{"a":"low","b":"mid"}\n{"a":"high","b":"high"}\n{"a":"mid","b":"mid"}'
    ran = tallybrook("agreement", "-", "--categories", "low,mid,high", stdin=text)
    assert json.loads(ran.out)["statistics"]["quadratic_kappa"] == pytest.approx(2 / 3, abs=0.2)
    ran = tallybrook("agreement", "-", stdin='{"a":1,"b":2}\n{"a":[]}')
    assert ran.code == 1
    assert "line 2" in ran.err
    assert tallybrook("agreement", "-", stdin="").code == 0


def test_messages_of_two_ais(tmp_path: Path) -> None:
    """A line for each message, the bad one with its reason, and one over the window: the worked
    example's numbers, a duplicate counted once, and the drift that is in it."""
    draw = random.Random(1)
    messages = [drawn(draw, n, NOW_US + n, spread=3 if n < 100 else 12) for n in range(150)]
    path = tmp_path / "messages.ndjson"
    lines = [json.dumps(one) for one in (worked(), worked(), *messages)]
    path.write_text("\n".join([lines[0], '{"assessmentId": 1}', *lines[1:]]))
    ran = tallybrook("agreement", str(path), "--messages", "--token-prices", "one=4")
    out = [json.loads(text) for text in ran.out.splitlines()]
    assert (ran.code, len(out)) == (1, 154)
    assert out[0]["quality"] == pytest.approx(0.916)
    assert out[0]["cost_usd"] == pytest.approx((2500 * 4 + 1800) / 1e6)
    assert out[1]["line"] == 2
    assert out[1]["error"]["errors"][0]["pointer"] == "/assessmentId"
    last = out[-1]
    assert (last["duplicate"], last["refused"], last["window"]["messages"]) == (1, 1, 151)
    assert [one["verdict"] for one in last["drift"]] == ["drifting"]
    assert "1 of 153" in ran.err
    nothing = tallybrook("agreement", "-", "--messages", stdin="")
    assert nothing.code == 0
    assert json.loads(nothing.out)["window"]["overall"]["reasons"]["icc"]
    assert tallybrook("agreement", "-", "--messages", "--resamples", "-1", stdin="").code == 2
