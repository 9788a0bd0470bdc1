"""Windows of messages: the same statistics as everywhere, with intervals that hold."""

import json
import random
import statistics

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybrook.assessments.agreement import moments, numbers
from tallybrook.assessments.agreement.alpha import interval_alpha
from tallybrook.assessments.agreement.measure import pairs_of
from tallybrook.assessments.agreement.message import DOMAINS
from tallybrook.assessments.agreement.report import Options, Rating, report
from tallybrook.assessments.agreement.trend import trend
from tallybrook.assessments.agreement.window import MEANS, window
from tallybrook.events.instants import DAY_US
from tests.assessments.dual import drawn, measured, worked
from tests.entities.world import NOW_US

PLAIN = {**numbers.STATISTICS, "krippendorff_alpha": interval_alpha}
score = st.one_of(st.integers(0, 100).map(float), st.floats(0, 100))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(score, score), min_size=1, max_size=30), st.floats(-50, 50))
def test_sums_give_the_same_statistics(pairs: list[tuple[float, float]], centre: float) -> None:
    """Every statistic from sums equals that from the pairs, whatever centre they are taken from;
    where nothing varies both are undefined."""
    a, b = zip(*pairs, strict=True)
    middle = statistics.fmean(a)
    sums = moments.moments_of(
        [x - middle for x in a], [x - middle for x in b], numbers.ranks(a), numbers.ranks(b)
    )
    for name, statistic in moments.STATISTICS.items():
        theirs, ours = PLAIN[name](pairs), statistic(sums)
        spread = max(*a, *b) - min(*a, *b)
        if name == "icc" and len(pairs) == 2:
            continue  # unbounded: what is below comes close to nothing
        if 0 < spread < 1e-4:
            continue  # below what sums of squares can tell from nothing
        if name in ("pearson", "ccc", "icc") and min(max(a) - min(a), max(b) - min(b)) < 1e-4:
            continue
        assert (ours is None) == (theirs is None), name
        assert ours is None or ours == pytest.approx(theirs, abs=1e-6), name


def test_a_window_says_what_the_report_says() -> None:
    """Statistics as ``tallybrook agreement`` gives them for the same pairs, intervals close to
    it; over all domains the same for their pairs together."""
    draw = random.Random(11)
    held = [measured(drawn(draw, n)) for n in range(60)]
    found = window(held)
    for name in DOMAINS[::4]:
        pairs = [(one.dimensions[name].a, one.dimensions[name].b) for one in held]
        theirs = report([Rating(a, b) for a, b in pairs], Options(resamples=300))
        ours = found.dimensions[name]
        for statistic, value in ours.statistics.items():
            assert value == pytest.approx(theirs.statistics[statistic])
            width = (theirs.intervals[statistic] or (0, 0))[1] - (
                theirs.intervals[statistic] or (0, 0)
            )[0]
            assert ours.intervals[statistic] == pytest.approx(
                theirs.intervals[statistic], abs=0.35 * width
            ), statistic
    assert found.overall.pairs == 300
    assert found.overall.statistics["icc"] == pytest.approx(numbers.icc_2_1(pairs_of(held)))
    assert found.means["agreement"].value == pytest.approx(
        statistics.fmean(one.agreement or 0 for one in held)
    )
    low, high = found.means["agreement"].interval or (1, 0)
    assert low < (found.means["agreement"].value or 0) < high
    assert found.cost_usd.value == pytest.approx(60 * 0.0068)
    assert window(held) == found


@pytest.mark.parametrize("count", [0, 1])
def test_small_windows(count: int) -> None:
    """No message, or one: nulls with reasons, and valid JSON without NaN."""
    found = window([measured(worked())] * count)
    assert json.loads(msgspec.json.encode(found))["messages"] == count
    for series in (found.overall, *found.dimensions.values()):
        undefined = {name for name, value in series.statistics.items() if value is None}
        assert undefined == set(series.reasons)
        assert all(interval is None for interval in series.intervals.values())
    for name in MEANS:
        assert (found.means[name].value is None) == (count == 0)
        assert bool(found.means[name].reason) == (count == 0)
    for one in (found.high_disagreement, found.sla_met, found.cost_usd, found.tokens):
        assert (one.value is None) == bool(one.reason) == (count == 0)
    undefined = {name for name, value in found.calibration.items() if value is None}
    assert undefined == set(found.calibration_reasons)


def test_what_messages_lack_is_counted() -> None:
    """A domain without a score is missing from its own series alone; means say how many they are
    of."""
    lacking = worked()
    lacking["a1Response"]["oceanScores"]["openness"] = None
    found = window([measured(lacking), measured(worked()), measured(worked())])
    assert (found.dimensions["openness"].pairs, found.dimensions["openness"].missing) == (2, 1)
    assert found.dimensions["neuroticism"].pairs == 3
    assert (found.overall.pairs, found.overall.missing) == (14, 1)
    assert (found.means["agreement"].known, found.means["validation_confidence"].known) == (2, 3)
    assert found.high_disagreement.known == 2


def test_the_interval_draws_messages_not_scores() -> None:
    """Five domains that say the same five times are no five observations: the interval over all
    is as wide as that of one."""
    draw = random.Random(3)
    held = []
    for n in range(120):
        message = drawn(draw, n)
        for side in ("a1Response", "b1Validation"):
            scores = message[side]["oceanScores"]
            message[side]["oceanScores"] = dict.fromkeys(DOMAINS, scores["openness"])
        held.append(measured(message))
    found = window(held)
    one, together = found.dimensions["openness"].intervals, found.overall.intervals
    for name in ("bias", "mae", "pearson"):
        assert together[name] == pytest.approx(one[name])


def test_periods_of_a_trend() -> None:
    """A point a day that has messages, with an interval that narrows with their number."""
    draw = random.Random(5)
    ats = [NOW_US, NOW_US + 1, NOW_US - 3 * DAY_US, *(NOW_US - DAY_US + n for n in range(40))]
    held = sorted((measured(drawn(draw, n, at)) for n, at in enumerate(ats)), key=lambda m: m.at)
    points = trend(held, lambda at: at // DAY_US * DAY_US)
    assert [one.messages for one in points] == [1, 40, 2]
    assert points[0].interval is None
    widths = [high - low for low, high in (one.interval or (0, 0) for one in points[1:])]
    assert 0 < widths[0] < widths[1]
    assert trend([], lambda at: at) == []
