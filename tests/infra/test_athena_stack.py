"""Athena and QuickSight in the stack: from their tier on, and the dashboard for whom it is for."""

import json

import pytest

from infra.choices import ANALYST
from infra.rights import rights
from infra.settings import ATHENA_RESULTS as RESULTS
from infra.settings import StackSettings
from infra.template import Template
from tallybrook.costs.tiers import tier_of
from tallybrook.errors import TallybrookError
from tallybrook.lake.ddl import database_of, table_input
from tallybrook.lake.tables import TABLES
from tests.infra.conftest import TIERS
from tests.infra.reading import functions, of_type

KINDS = ("Glue::Database", "Glue::Table", "Athena::WorkGroup")


@pytest.mark.parametrize("mrr_usd", TIERS)
def test_there_from_its_tier_on(templates: dict[int, Template], mrr_usd: int) -> None:
    """From $5,000 a month; below, there is neither a workgroup nor a right to one. The function
    that runs SQL is told, and no other."""
    template, wanted = templates[mrr_usd], mrr_usd >= 5000
    assert tier_of(mrr_usd).athena is wanted
    assert [len(of_type(template, kind)) for kind in KINDS] == ([1, 6, 1] if wanted else [0, 0, 0])
    told = {
        name
        for name, made in functions(template).items()
        if "TALLYBROOK_ATHENA" in made["Environment"]["Variables"]
    }
    allowed = {name for name, found in rights(template).items() if "athena:" in json.dumps(found)}
    assert told == ({"query"} if wanted else set())
    assert [name[:18] for name in allowed] == (["FunctionsQueryRole"] if wanted else [])


def test_a_workgroup_that_cannot_be_talked_round(highest: Template) -> None:
    """Its limit of 1 GiB and its encrypted place of results are enforced, and what lies there goes
    after 30 days."""
    (made,) = of_type(highest, "Athena::WorkGroup").values()
    configuration = made["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 1 << 30
    result = configuration["ResultConfiguration"]
    assert result["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    assert json.dumps(result["OutputLocation"]).endswith(f'/{RESULTS}"]]}}')
    (bucket,) = of_type(highest, "S3::Bucket").values()
    days = {
        rule["Prefix"]: rule.get("ExpirationInDays")
        for rule in bucket["LifecycleConfiguration"]["Rules"]
        if "Prefix" in rule
    }
    assert [days[prefix] for prefix in days if RESULTS.startswith(prefix)] == [30]


def test_the_catalog_is_of_the_lakes_tables(highest: Template) -> None:
    """Every table as ``lake.ddl`` has it, in the stack's database."""
    found = {made["TableInput"]["Name"]: made for made in of_type(highest, "Glue::Table").values()}
    assert found.keys() == TABLES.keys()
    (database,) = of_type(highest, "Glue::Database").values()
    assert database["DatabaseInput"]["Name"] == database_of("tallybrook")
    for name, made in found.items():
        wanted, given = table_input(TABLES[name], "BUCKET"), made["TableInput"]
        assert given["PartitionKeys"] == wanted["PartitionKeys"]
        assert given["StorageDescriptor"]["Columns"] == wanted["StorageDescriptor"]["Columns"]
        assert given["Parameters"].keys() == wanted["Parameters"].keys()


def test_the_dashboard_is_of_one_account(chosen: Template, highest: Template) -> None:
    """Only where somebody is named to get it: a data set for each chart, which reads the rows of
    the account that was chosen, in Athena's workgroup."""
    assert not [made for made in highest["Resources"].values() if "QuickSight" in made["Type"]]
    sets = of_type(chosen, "QuickSight::DataSet")
    (dashboard,) = of_type(chosen, "QuickSight::Dashboard").values()
    (source,) = of_type(chosen, "QuickSight::DataSource").values()
    assert source["DataSourceParameters"] == {"AthenaParameters": {"WorkGroup": "tallybrook"}}
    assert len(dashboard["Definition"]["DataSetIdentifierDeclarations"]) == len(sets) == 3
    for made in sets.values():
        (table,) = made["PhysicalTableMap"].values()
        assert "WHERE \"account_id\" = 'acme'" in table["CustomSql"]["SqlQuery"]
    for made in (*sets.values(), dashboard, source):
        assert [found["Principal"] for found in made["Permissions"]] == [ANALYST]


@pytest.mark.parametrize(
    "options",
    [
        {"quicksight_principal": "anna", "mrr_usd": 5000.0},
        {"quicksight_principal": ANALYST, "mrr_usd": 0.0},
        {"quicksight_principal": ANALYST, "mrr_usd": 5000.0, "athena": False},
        {"quicksight_account": "' OR 1=1"},
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object]) -> None:
    """A name that is no ARN, a dashboard without Athena, an account that is none."""
    with pytest.raises(TallybrookError):
        StackSettings(**options)


def test_the_tier_can_be_overruled() -> None:
    """Athena below its tier, and none from it on."""
    assert StackSettings(mrr_usd=0, athena=True).with_athena
    assert not StackSettings(mrr_usd=5000, athena=False).with_athena
