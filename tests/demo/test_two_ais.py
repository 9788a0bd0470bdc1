"""The two simulated AIs agree, then drift apart, then agree again; that is what is found."""

import json

from tallybrook.assessments.agreement.drift import looks
from tallybrook.assessments.agreement.measure import Measurement, measure
from tallybrook.assessments.agreement.message import read_dual
from tallybrook.demo import two_ais
from tallybrook.events.instants import DAY_US
from tests.assessments.dual import PRICES
from tests.entities.world import NOW_US


def measured() -> list[Measurement]:
    lines = [line for _, sent in two_ais.history(NOW_US) for line in sent.body.split(b"\n")]
    return [measure(read_dual(line, "acme"), PRICES) for line in lines]


def test_one_drift_in_the_middle() -> None:
    """Looked at block by block there is one drift: it begins and ends where the second AI was
    another version, and nothing is found before or after."""
    found = measured()
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert found[0].at > NOW_US - 43 * DAY_US
    assert found[-1].at < NOW_US
    seen = [(look.verdict, look.block) for _, look in looks(found)]
    verdicts = [verdict for verdict, _ in seen]
    first = verdicts.index("drifting")
    last = len(verdicts) - 1 - verdicts[::-1].index("drifting")
    assert set(verdicts[:first]) == {"too_early", "steady"}
    assert set(verdicts[first : last + 1]) == {"drifting"}
    assert verdicts[last + 1] == "over"
    assert set(verdicts[last + 2 :]) == {"steady"}
    drifted = [block for verdict, block in seen if verdict == "drifting"]
    assert all("simulated-a 4 / simulated-b 2.1" in block.models for block in drifted)
    assert drifted[0].first_at < NOW_US - 20 * DAY_US
    assert drifted[-1].last_at > NOW_US - 17 * DAY_US


def test_the_same_anchor_gives_the_same_bytes() -> None:
    """Sent again they are duplicates; every message is of another text."""
    assert two_ais.history(NOW_US) == two_ais.history(NOW_US)
    names = {
        json.loads(line)["assessmentId"]
        for _, sent in two_ais.history(NOW_US)
        for line in sent.body.split(b"\n")
    }
    assert len(names) == two_ais.MESSAGES
