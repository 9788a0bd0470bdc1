"""``tallybrook costs`` and ``tallybrook tiers``, as somebody types them."""

import csv
import json
from io import StringIO

import pytest

from tests.support import tallybrook

ESTIMATE = ["costs", "estimate", "--invocations", "1000", "--memory-mb", "128"]


def estimate(*args: str) -> dict:
    ran = tallybrook(*ESTIMATE, *args, "--json")
    assert (ran.code, ran.err) == (0, "")
    return json.loads(ran.out)


@pytest.mark.parametrize(
    ("args", "usd"),
    [(("--duration-ms", "450", "--arch", "x86_64"), 0.00114),
     (("--duration-ms", "1000", "--arch", "x86_64"), 0.00228),
     (("--duration-ms", "450", "--arch", "arm64"), 0.00095),
     (("--duration-ms", "450", "--arch", "x86_64", "--init-ms", "800", "--cold-starts", "100"),
      0.00130)],
)  # fmt: skip
def test_the_worked_examples(args: tuple[str, ...], usd: float) -> None:
    """The formula on configured memory, INIT included, without the free tier."""
    found = estimate(*args)
    assert round(found["estimated_usd"], 5) == usd
    assert found["free_tier"] is False
    assert found["region"] == "us-east-1"


def test_an_estimate_for_people_advises_memory() -> None:
    """Where the mean is more than three seconds."""
    ran = tallybrook(*ESTIMATE, "--duration-ms", "3500")
    assert ran.code == 0
    assert "256 MB" in ran.out


def test_whatif_prints_a_bill_that_adds_up() -> None:
    """Lines, sums and the share of the revenue."""
    args = ["costs", "whatif", "--events-per-day", "20000", "--mrr", "500"]
    ran = tallybrook(*args, "--batch", "10", "--memory", "256", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    for name in ("listed_usd", "payable_usd"):
        assert round(sum(line[name] for line in found["lines"]), 6) == round(found[name], 6)
    assert found["share_of_mrr"] == pytest.approx(found["listed_usd"] / 500, abs=1e-6)
    assert (found["tier_from_mrr_usd"], found["memory_mb"]) == (0, 256)
    shown = tallybrook(*args)
    assert "in all" in shown.out
    assert "100 events a request" in shown.err


def test_a_million_events_as_csv() -> None:
    """Twelve loads, a row each."""
    ran = tallybrook("costs", "per-million", "--format", "csv")
    rows = list(csv.DictReader(StringIO(ran.out)))
    assert [row["events_per_day"] for row in rows[::2]] == [
        "1000", "5000", "10000", "20000", "1000000", "100000000",
    ]  # fmt: skip
    assert {row["batch"] for row in rows} == {"1", "100"}


def test_tiers_show_marks_the_present_one() -> None:
    """By CURRENT_MRR, its lower bound included."""
    ran = tallybrook("tiers", "show", "--json", env={"CURRENT_MRR": "5000"})
    current = [tier["from_mrr_usd"] for tier in json.loads(ran.out) if tier["current"]]
    assert current == [5000]
    assert "$5,000*" in tallybrook("tiers", "show", env={"CURRENT_MRR": "9999"}).out


def test_tiers_plan_says_what_changes() -> None:
    """Settings, and the dollars that follow from them."""
    ran = tallybrook("tiers", "plan", "--mrr", "5000", "--json", env={"CURRENT_MRR": "0"})
    found = json.loads(ran.out)
    assert {"setting": "kinesis", "now": False, "then": True} in found["changes"]
    shard = next(part for part in found["dollars"] if part["what"] == "Kinesis shard")
    assert shard["more_usd"] == 10.95
    assert found["more_usd"] == pytest.approx(found["then_usd"] - found["now_usd"], abs=1e-4)
    same = tallybrook("tiers", "plan", "--mrr", "999", env={"CURRENT_MRR": "0"})
    assert "nothing changes" in same.out


@pytest.mark.parametrize(
    "args",
    [
        [*ESTIMATE, "--duration-ms", "-1"],
        [*ESTIMATE, "--duration-ms", "nan"],
        [*ESTIMATE, "--duration-ms", "1", "--arch", "mips"],
        [*ESTIMATE, "--duration-ms", "1", "--init-ms", "-1"],
        ["costs", "estimate", "--invocations", "-1", "--duration-ms", "1", "--memory-mb", "128"],
        ["costs", "estimate", "--invocations", "1", "--duration-ms", "1", "--memory-mb", "64"],
        ["costs", "whatif", "--events-per-day", "nan"],
        ["costs", "whatif", "--batch", "0"],
        ["costs", "whatif", "--mrr", "-1"],
        ["tiers", "plan", "--mrr", "inf"],
        ["tiers", "plan"],
    ],
)
def test_nonsense_is_exit_code_2_and_one_line(args: list[str]) -> None:
    """And nothing on standard output."""
    ran = tallybrook(*args)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("command", ["costs", "tiers"])
def test_help_has_examples(command: str) -> None:
    """``--help`` is enough to begin."""
    assert f"tallybrook {command}" in tallybrook(command, "--help").out.partition("Examples:")[2]
