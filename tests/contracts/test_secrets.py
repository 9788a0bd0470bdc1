"""What every store of secrets promises (``tallybrook.ports.secrets``)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tallybrook.errors import InvalidError, TallybrookError
from tallybrook.ports.aws.clients import client
from tallybrook.ports.secrets import CACHE_S, MAX_VALUE_BYTES, Cache, Secrets
from tallybrook.ports.secrets.aws import ManagedSecrets
from tallybrook.ports.secrets.local import FileSecrets


class Now:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


Open = Callable[[], Secrets]


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture(params=["local", "aws"])
def open_secrets(request: pytest.FixtureRequest, tmp_path: Path, now: Now) -> Open:
    """Opens the same store as another process would."""
    if request.param == "local":
        return lambda: FileSecrets(tmp_path / "secrets", Cache(now))
    stack: str = request.getfixturevalue("stack")
    return lambda: ManagedSecrets(stack, Cache(now))


@pytest.fixture
def secrets(open_secrets: Open) -> Secrets:
    return open_secrets()


def test_absence(secrets: Secrets) -> None:
    """None, also after it was asked for; then it is there at once."""
    assert secrets.get("admin-key") is None
    secrets.put("admin-key", "one")
    assert secrets.get("admin-key") == "one"


def test_a_value_comes_back_as_it_was_stored(open_secrets: Open) -> None:
    """Every character of it, in every process."""
    value = " é\n\t'\"\\" + "x" * 1000
    open_secrets().put("webhook.signing_key-1", value)
    assert open_secrets().get("webhook.signing_key-1") == value
    largest = "x" * MAX_VALUE_BYTES
    open_secrets().put("largest", largest)
    assert open_secrets().get("largest") == largest


def test_create_makes_once(secrets: Secrets) -> None:
    """What is there stays, and nothing is made for it."""
    assert secrets.create("salt", lambda: "first") == "first"
    assert secrets.create("salt", lambda: pytest.fail("made again")) == "first"


def test_of_many_who_create_at_once_all_get_one_value(open_secrets: Open) -> None:
    """Whoever wins."""

    def create(n: int) -> str:
        return open_secrets().create("salt", lambda: f"made by {n}")

    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(create, range(16)))
    assert len(values) == 1
    assert open_secrets().get("salt") in values


def test_a_value_is_remembered_for_a_short_time(open_secrets: Open, now: Now) -> None:
    """Another process's change is seen after it, or at once where it is asked for."""
    mine, other = open_secrets(), open_secrets()
    mine.put("key", "old")
    assert other.get("key") == "old"
    mine.put("key", "new")
    assert (mine.get("key"), other.get("key")) == ("new", "old")
    assert other.get("key", fresh=True) == "new"
    mine.put("key", "newest")
    now.s += CACHE_S
    assert other.get("key") == "newest"


@pytest.mark.parametrize("name", ["", "A", "a/b", "../a", ".a", "a..b", "a b", "é", "x" * 129])
def test_a_name_that_leads_elsewhere_is_refused(secrets: Secrets, name: str) -> None:
    """By every call."""
    for call in (
        lambda: secrets.get(name),
        lambda: secrets.put(name, "x"),
        lambda: secrets.create(name, lambda: "x"),
    ):
        with pytest.raises(InvalidError):
            call()


@pytest.mark.parametrize("value", ["", "é" * (MAX_VALUE_BYTES // 2 + 1)])
def test_a_value_that_a_backend_would_refuse_is_refused_by_all(
    secrets: Secrets, value: str
) -> None:
    """And it is not in the error."""
    with pytest.raises(InvalidError) as caught:
        secrets.put("key", value)
    assert "é" not in caught.value.detail
    with pytest.raises(InvalidError):
        secrets.create("key", lambda: value)
    assert secrets.get("key") is None


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    """Modes 0700 and 0600; nothing else is left in the folder (local)."""
    secrets = FileSecrets(tmp_path / "data" / "secrets")
    secrets.put("key", "x")
    secrets.put("key", "y")
    secrets.create("key", lambda: "z")
    folder = tmp_path / "data" / "secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [(one.name, one.stat().st_mode & 0o777) for one in folder.iterdir()] == [("key", 0o600)]


def test_a_secret_is_found_under_the_stack(stack: str) -> None:
    """As the stack makes it: ``<stack>/admin-key`` (AWS)."""
    client("secretsmanager").create_secret(Name=f"{stack}/admin-key", SecretString="from the stack")
    assert ManagedSecrets(stack).get("admin-key") == "from the stack"
    assert ManagedSecrets(f"{stack}2").get("admin-key") is None


def test_a_secret_that_is_being_deleted_is_no_absent_one(stack: str) -> None:
    """Nothing is made in its place unseen: the error says what is the matter (AWS)."""
    secrets = ManagedSecrets(stack)
    secrets.put("key", "x")
    client("secretsmanager").delete_secret(SecretId=f"{stack}/key")
    with pytest.raises(TallybrookError, match="delet"):
        ManagedSecrets(stack).create("key", lambda: "y")
