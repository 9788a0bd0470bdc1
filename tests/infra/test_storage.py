"""Tables, bucket and secret of the stack."""

from pathlib import Path

import pytest

from infra.bundles import PLACEHOLDER
from infra.settings import StackSettings
from infra.synth import synthesize
from infra.template import Template, load
from tallybrook.ports.aws.dynamo import create_request
from tallybrook.ports.aws.tables import TABLES, Table, records_table
from tallybrook.records.reading import DEFAULT_TYPES
from tests.infra.reading import of_type

ALL = {t.name: t for t in (*TABLES, *(records_table(name) for name in DEFAULT_TYPES))}
KEPT = ("AWS::DynamoDB::Table", "AWS::S3::Bucket")


@pytest.fixture
def tables(lowest: Template) -> dict[str, dict]:
    found = of_type(lowest, "DynamoDB::Table").values()
    return {made["TableName"].removeprefix("tallybrook-"): made for made in found}


@pytest.mark.parametrize("table", ALL.values(), ids=list(ALL))
def test_a_table_is_what_the_code_and_the_tests_use(tables: dict[str, dict], table: Table) -> None:
    """Keys, indexes and stream are those of the one list the backends and the tests work with."""
    wanted = create_request("tallybrook", table)
    wanted.pop("StreamSpecification", None)
    made = tables[table.name]
    attributes = made["AttributeDefinitions"]
    assert sorted(a["AttributeName"] for a in attributes) == [
        a["AttributeName"] for a in wanted["AttributeDefinitions"]
    ]
    assert {key: made[key] for key in wanted if key != "AttributeDefinitions"} == {
        key: wanted[key] for key in wanted if key != "AttributeDefinitions"
    }
    assert all(a in wanted["AttributeDefinitions"] for a in attributes)
    assert made.get("StreamSpecification", {}).get("StreamViewType") == table.stream
    assert made.get("TimeToLiveSpecification", {}).get("AttributeName") == table.ttl


def test_there_are_no_other_tables(tables: dict[str, dict]) -> None:
    """The stack makes these tables and no more."""
    assert tables.keys() == ALL.keys()


def test_data_can_be_brought_back(lowest: Template) -> None:
    """Every table but that of open connections has point-in-time recovery and cannot be deleted
    by accident; tables and bucket outlive the stack."""
    for name, made in lowest["Resources"].items():
        if made["Type"] not in KEPT or "Sockets" in name:
            continue
        assert made["DeletionPolicy"] == made["UpdateReplacePolicy"] == "Retain", name
        if made["Type"] == "AWS::DynamoDB::Table":
            recovery = made["Properties"]["PointInTimeRecoverySpecification"]
            assert recovery["PointInTimeRecoveryEnabled"] is True
            assert made["Properties"]["DeletionProtectionEnabled"] is True


def test_a_trial_can_be_removed_without_a_trace(tmp_path: Path) -> None:
    """With ``--no-keep-data`` nothing of the stack stays behind."""
    settings = StackSettings(stack="trial", keep_data=False, bundles=PLACEHOLDER)
    template = load(synthesize(settings, tmp_path, checked=False))
    policies = {made.get("DeletionPolicy", "Delete") for made in template["Resources"].values()}
    assert policies == {"Delete"}
    names = str(template["Resources"])
    assert "tallybrook-" not in names.replace("'tallybrook'", "")


def test_the_bucket_is_private_and_encrypted(lowest: Template) -> None:
    """No public access by any way, no plain HTTP, no old TLS, encryption always."""
    (bucket,) = of_type(lowest, "S3::Bucket").values()
    (policy,) = of_type(lowest, "S3::BucketPolicy").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    denied = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [s["Condition"] for s in denied]
    assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in [s["Condition"] for s in denied]


def test_what_nobody_needs_goes_away(lowest: Template) -> None:
    """Unfinished uploads, replaced versions and temporary objects expire; STANDARD_IA begins at
    the 30 days that S3 asks for."""
    (bucket,) = of_type(lowest, "S3::Bucket").values()
    rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules["unfinished-and-replaced"]["AbortIncompleteMultipartUpload"]
    assert rules["unfinished-and-replaced"]["NoncurrentVersionExpiration"]
    assert rules["temporary"] | {"Prefix": "tmp/", "ExpirationInDays": 1} == rules["temporary"]
    moves = [move for rule in rules.values() for move in rule.get("Transitions", [])]
    assert [(m["StorageClass"], m["TransitionInDays"]) for m in moves] == [("STANDARD_IA", 30)]


def test_the_admin_key_is_made_in_the_account(lowest: Template) -> None:
    """The key is in no template, no environment and no output: Secrets Manager makes it."""
    made = of_type(lowest, "SecretsManager::Secret").values()
    secret = next(one for one in made if one["Name"] == "tallybrook/admin-key")
    assert secret["GenerateSecretString"]["PasswordLength"] >= 32
    assert "SecretString" not in secret
    assert "resolve:secretsmanager" not in str(lowest)
