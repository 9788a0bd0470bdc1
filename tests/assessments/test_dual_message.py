"""One message of two AIs: every formula, what is undefined, what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybrook.assessments.agreement.measure import exceeds
from tallybrook.assessments.agreement.message import DOMAINS, read_dual
from tallybrook.costs.tokens import token_prices
from tallybrook.errors import InvalidError, MalformedError, TooLargeError, UsageError
from tests.assessments.dual import PRICES, measured, worked


def changed(**fields: Any) -> dict[str, Any]:
    """The worked example with fields of ``a1Response`` (``a_``) or ``b1Validation`` (``b_``)
    replaced; None leaves one out."""
    message = worked()
    for name, value in fields.items():
        side = message["a1Response" if name.startswith("a_") else "b1Validation"]
        side[name[2:]] = value
        if value is None:
            del side[name[2:]]
    return message


def with_facets(a: dict[str, float | None], b: dict[str, float | None]) -> dict[str, Any]:
    message = worked()
    for side, facets in (("a1Response", a), ("b1Validation", b)):
        message[side]["oceanScores"]["facets"] = {
            name: {"score": score} for name, score in facets.items()
        }
    return message


def scored(a: list[float | None], b: list[float | None]) -> dict[str, Any]:
    message = worked()
    message["a1Response"]["oceanScores"] = dict(zip(DOMAINS, a, strict=True))
    message["b1Validation"]["oceanScores"] = dict(zip(DOMAINS, b, strict=True))
    return message


def test_the_worked_example() -> None:
    """Agreement 0.93, validation 0.81333, average 0.86667, quality 0.916, cost $0.0068."""
    found = measured(worked())
    assert found.agreement == pytest.approx(0.93)
    assert found.disagreement_rate == pytest.approx(0.07)
    assert found.validation_confidence == pytest.approx(0.81333, abs=5e-6)
    assert found.average_confidence == pytest.approx(0.86667, abs=5e-6)
    assert found.quality == pytest.approx(0.916)
    assert found.cost_usd == pytest.approx(0.0068)
    assert (found.tokens, found.total_ms, found.sla_met) == (4300, 2700, True)
    assert (found.issues, found.recommendations, found.reasons) == ((), (), {})
    assert found.facet_agreement == found.dimension_agreement
    assert found.shared_facets == 0


def test_facets_that_both_have() -> None:
    """0.6 x domains + 0.4 x shared facets; over 10 points medium, over 20 high, as they say."""
    a: dict[str, float | None] = {"anger": 50, "trust": 60, "fear": 70, "alone": 1, "mute": None}
    b: dict[str, float | None] = {"anger": 60, "trust": 40, "fear": 49.5, "mute": 3}
    found = measured(with_facets(a, b))
    assert found.shared_facets == 3
    assert found.facet_agreement == pytest.approx((0.5 + 0 + 0) / 3)
    assert found.agreement == pytest.approx(0.6 * 0.93 + 0.4 / 6)
    apart = {one.facet: (one.severity, one.difference) for one in found.disagreements}
    assert apart == {"trust": ("medium", 20), "fear": ("high", 20.5)}
    assert found.high_disagreement
    # Half of the disagreements are high: 0.05 of the last 0.1 is left.
    assert found.quality == pytest.approx(
        0.4 * (found.agreement or 0) + 0.3 * 0.813333333 + 0.2 + 0.05
    )
    assert found.recommendations == ("review_by_person", "review_facets")


def test_issues_and_what_is_advised() -> None:
    """A mean difference above 5 points either way; more than 60 % of the scores below 20 or
    above 80: exactly at a limit is neither."""
    assert measured(scored([55.0] * 5, [50.0] * 5)).issues == ()
    assert measured(scored([50.0] * 5, [55.1] * 5)).issues == ("systematic_difference",)
    assert measured(scored([10, 10, 90, 50, 50], [10, 10, 90, 50, 50])).issues == ()
    assert measured(scored([20, 80, 20, 80, 20], [20, 80, 20, 80, 20])).issues == ()
    found = measured(scored([10, 10, 90, 95, 50], [10, 10, 90, 50, 50]))
    assert found.issues == ("systematic_difference", "extreme_scores")
    assert found.quality == pytest.approx(
        0.4 * (found.agreement or 0) + 0.3 * 0.813333333 + 0.2 * (1 - len(found.issues) / 10) + 0.1
    )
    slow = measured(changed(a_processingTime=4000, b_processingTime=1000, a_confidence=0.1,
                            b_confidence=0.1))  # fmt: skip
    assert slow.sla_met is False
    assert slow.recommendations == ("gather_more_evidence", "reduce_latency")
    assert measured(changed(a_processingTime=3799.9)).sla_met is True


def test_zero_is_a_value() -> None:
    """A consistency of 0 counts as 0, an absent one as 0.5; a time of 0 is quick, not unknown."""
    quick = 1500 / 1200 / 2
    none = measured(changed(b_consistencyScore=None)).validation_confidence
    assert none == pytest.approx((0.905 + quick + 0.5) / 3)
    zero = measured(changed(b_consistencyScore=0)).validation_confidence
    assert zero == pytest.approx((0.905 + quick) / 3)
    instant = measured(changed(a_processingTime=0)).validation_confidence
    assert instant == pytest.approx((0.905 + 0.91) / 3)
    lasting = measured(changed(a_processingTime=9e8)).validation_confidence
    assert lasting == pytest.approx((0.905 + 1 + 0.91) / 3)
    assert measured(changed(a_tokensUsed=0, b_tokensUsed=0)).cost_usd == 0


@pytest.mark.parametrize(
    ("message", "undefined"),
    [
        (changed(a_confidence=None), {"validation_confidence", "average_confidence", "quality"}),
        (changed(b_processingTime=None), {"validation_confidence", "average_confidence", "quality",
                                          "total_ms", "sla_met"}),
        (changed(b_processingTime=0), {"validation_confidence", "average_confidence", "quality"}),
        (changed(a_tokensUsed=None), {"tokens", "cost_usd"}),
        (scored([None, 1, 2, 3, 4], [1.0] * 5), {"dimension_agreement", "facet_agreement",
         "agreement", "disagreement_rate", "high_disagreement", "quality"}),
        (scored([None] * 5, [None] * 5), {"dimension_agreement", "facet_agreement", "agreement",
         "disagreement_rate", "high_disagreement", "quality"}),
    ],
)  # fmt: skip
def test_what_is_undefined_has_a_reason(message: dict[str, Any], undefined: set[str]) -> None:
    """Null with a reason, and only what depends on what is missing."""
    found = measured(message)
    assert set(found.reasons) == undefined
    assert all(found.reasons.values())
    for name in found.__struct_fields__:
        if name not in ("model_a", "model_b", "confidence_a", "confidence_b"):
            assert (getattr(found, name) is None) == (name in undefined), name


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"assessmentId": ""}, ["/assessmentId"]),
        (changed(a_tokensUsed=1.5), ["/a1Response/tokensUsed"]),
        ({"assessmentId": None, "timestamp": 5}, ["/assessmentId", "/timestamp"]),
        ({"timestamp": "soon"}, ["/timestamp"]),
        ({"timestamp": "1768478400"}, ["/timestamp"]),
        ({"a1Response": []}, ["/a1Response"]),
        (changed(a_confidence=1.1, b_tokensUsed=-1), ["/a1Response/confidence",
                                                      "/b1Validation/tokensUsed"]),
        (changed(b_processingTime="fast"), ["/b1Validation/processingTime"]),
        (scored([101, 1, 2, 3, 4], [1, 2, -0.1, 4, 5]), ["/a1Response/oceanScores/openness",
         "/b1Validation/oceanScores/extraversion"]),
        (changed(a_oceanScores={"openness": 1}), [f"/a1Response/oceanScores/{name}"
                                                  for name in DOMAINS[1:]]),
        (with_facets({"a/b": 120.0}, {}), ["/a1Response/oceanScores/facets/a~1b/score"]),
        (with_facets({}, {"x" * 129: 1.0}), ["/b1Validation/oceanScores/facets/" + "x" * 129]),
        (changed(a_oceanScores=worked()["a1Response"]["oceanScores"] | {"facets": {"anger": 3}}),
         ["/a1Response/oceanScores/facets/anger"]),
        (with_facets({f"f{n}": 1.0 for n in range(301)}, {}), ["/a1Response/oceanScores/facets"]),
    ],
)  # fmt: skip
def test_every_fault_is_named(change: dict[str, Any], pointers: list[str]) -> None:
    """All fields at fault, each by its pointer, in their order."""
    with pytest.raises(InvalidError) as caught:
        read_dual(json.dumps(worked() | change).encode(), "acme")
    assert [fault.pointer for fault in caught.value.errors] == pointers
    assert all(fault.detail for fault in caught.value.errors)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", MalformedError), (b"{", MalformedError), (b"\xff{}", MalformedError),
        (b"[" * 5000, MalformedError), (b"[]", InvalidError), (b"null", InvalidError),
        (b"{}", InvalidError), (b'{"assessmentId":1e999}', MalformedError),
        (b" " * (256 * 1024 + 1), TooLargeError),
    ],
)  # fmt: skip
def test_what_is_no_message(body: bytes, error: type[Exception]) -> None:
    """Bytes that hold no message are refused with the reason, whatever they are."""
    with pytest.raises(error):
        read_dual(body, "acme")


def test_identity_is_content() -> None:
    """The same message in another order, with other spaces, zone and unknown keys is the same;
    another score, instant, assessment or account is not."""
    message = worked()

    def name(message: dict[str, Any], account: str = "acme") -> str:
        return read_dual(json.dumps(message).encode(), account).measurement_id

    same = {key: message[key] for key in reversed(message)} | {"receivedAt": 5}
    same["timestamp"] = "2026-01-15T14:00:00+02:00"
    same["a1Response"] = {key: same["a1Response"][key] for key in reversed(same["a1Response"])}
    assert name(same) == name(message)
    others = [
        message | {"assessmentId": "other"}, message | {"timestamp": "2026-01-15T12:00:01Z"},
        changed(a_confidence=0.921), changed(b_consistencyScore=None),
    ]  # fmt: skip
    assert len({name(message), name(message, "rival"), *map(name, others)}) == 6


def test_prices_of_ones_own() -> None:
    """A model's price replaces that of its side; what is no price is refused by name."""
    own = token_prices("one=4, two=0.5")
    assert own.cost_usd("a", "one", 1_000_000) == 4
    assert own.cost_usd("a", "other", 1_000_000) == PRICES.cost_usd("a", None, 1_000_000) == 2
    assert own.cost_usd("b", None, 1_000_000) == 1
    for text in ("one", "=3", "one=free", "one=-1", "one=nan", "one=inf"):
        with pytest.raises(UsageError, match="dollars per million"):
            token_prices(text)


scores = st.one_of(st.none(), st.floats(0, 100), st.integers(0, 100))
shares = st.one_of(st.none(), st.floats(0, 1))
facets = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), scores, max_size=4)
times = st.one_of(st.none(), st.floats(0, 1e9))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(scores, min_size=5, max_size=5), st.lists(scores, min_size=5, max_size=5), facets,
    facets, shares, shares, shares, times, times,
)  # fmt: skip
def test_every_message_stays_in_bounds(
    a: Any, b: Any, of_a: Any, of_b: Any, ca: Any, cb: Any, consistency: Any, ta: Any, tb: Any
) -> None:
    """Shares are 0 to 1 or null with a reason; swapping the two changes no agreement."""
    fields = {"a_confidence": ca, "b_confidence": cb, "a_processingTime": ta,
              "b_processingTime": tb, "b_consistencyScore": consistency}  # fmt: skip
    message = changed(**fields)
    for side, domains, held in (("a1Response", a, of_a), ("b1Validation", b, of_b)):
        message[side]["oceanScores"] = dict(zip(DOMAINS, domains, strict=True)) | {
            "facets": {name: {"score": score} for name, score in held.items()}
        }
    found = measured(message)
    for name in ("dimension_agreement", "facet_agreement", "agreement", "disagreement_rate",
                 "validation_confidence", "average_confidence", "quality"):  # fmt: skip
        value = getattr(found, name)
        assert (value is None) == (name in found.reasons)
        assert value is None or -1e-9 <= value <= 1 + 1e-9
    swapped = message | {}
    swapped["a1Response"] = message["a1Response"] | {
        "oceanScores": message["b1Validation"]["oceanScores"]
    }
    swapped["b1Validation"] = message["b1Validation"] | {
        "oceanScores": message["a1Response"]["oceanScores"]
    }
    assert measured(swapped).agreement == pytest.approx(found.agreement)
    if found.disagreement_rate is not None:
        assert found.high_disagreement == exceeds(found.disagreement_rate)
