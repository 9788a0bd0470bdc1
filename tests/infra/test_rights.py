"""Least privilege: what no role may have."""

import pytest

from infra.permissions import LISTING_STREAMS, PERMISSIONS, TRACING
from infra.rights import rights
from infra.template import Template
from tests.infra.conftest import TIERS
from tests.infra.reading import functions, of_type

WITHOUT_RESOURCES = {LISTING_STREAMS, *TRACING}
PATTERNS = (
    "/lake/*", "/raw/*", "/received/*", "/anonymised/*", "/runs/*", "/rollups/*", "/reports/*",
    "/live/POST/@connections/*",
    "/archive/*", "/exports/*", "/imports/*", "/imports/errors/*", "/processed/*",
    "/processed/insights/*", "/results/athena/*", "/tmp/results/*",
)  # fmt: skip
"""Objects and connections, whose names nobody knows beforehand, of the stack's own."""


@pytest.mark.parametrize("tier", TIERS)
def test_no_action_is_a_pattern(templates: dict[int, Template], tier: int) -> None:
    """Every action is named in full, and only allowed, never by an exception from a denial."""
    for statements in rights(templates[tier]).values():
        for effect, actions, _ in statements:
            assert effect == "Allow"
            assert not any("*" in action for action in actions)


@pytest.mark.parametrize("tier", TIERS)
def test_every_resource_is_one_of_the_stack(templates: dict[int, Template], tier: int) -> None:
    """A star stands only where the service knows no resource, or below the stack's own things."""
    for statements in rights(templates[tier]).values():
        for _, actions, resources in statements:
            if "*" in resources:
                assert set(actions) <= WITHOUT_RESOURCES
                continue
            assert all("*" not in found or found.endswith(PATTERNS) for found in resources)


def test_tracing_is_allowed_only_where_it_is_on(templates: dict[int, Template]) -> None:
    """Below $5,000 nothing is traced and nothing may be."""
    for tier in TIERS:
        allowed = {
            a for found in rights(templates[tier]).values() for _, acts, _ in found for a in acts
        }
        assert allowed.issuperset(TRACING) == (tier >= 5000)
        assert allowed.isdisjoint(TRACING) == (tier < 5000)


def test_each_function_has_a_role_of_its_own(highest: Template) -> None:
    """No two functions share rights, and no role has rights that AWS may widen."""
    made = functions(highest)
    assert len({found["Role"]["Fn::GetAtt"][0] for found in made.values()}) == len(made)
    assert made.keys() | {"webhook", "forward"} == PERMISSIONS.keys()
    assert not any("ManagedPolicyArns" in role for role in of_type(highest, "IAM::Role").values())


def test_roles_are_assumed_only_for_this_account(highest: Template) -> None:
    """A service cannot be talked into using a role on behalf of somebody else."""
    for name, role in of_type(highest, "IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        # A function's role is handed over by who makes the function; Lambda names no source.
        if statement["Principal"]["Service"] != "lambda.amazonaws.com":
            assert statement["Condition"]["StringEquals"]["aws:SourceAccount"], name
