"""What ``doctor`` finds on one machine: real directories, locks, ports and clocks."""

import fcntl
import json
import os
import shutil
import socket
from collections import namedtuple
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from tallybrook.doctor import machine
from tallybrook.doctor.checks import Check
from tallybrook.errors import StorageError
from tallybrook.ports.clock import system_clock
from tallybrook.ports.log import Chunk, LogReader, Topic
from tallybrook.settings import Settings

Disk = namedtuple("Disk", "total used free")


class Log:
    """A log whose last entry, of one topic, came in at an instant."""

    def __init__(self, newest_us: int, topic: Topic = "events") -> None:
        self._newest_us, self._topic = newest_us, topic

    def head(self) -> int:
        return 7

    def chunks(self, topic: Topic, after_seq: int, max_entries: int = 10_000) -> list[Chunk]:
        return [Chunk(5, 3, self._newest_us, b"")] if (topic, after_seq) == (self._topic, 6) else []


def no_log() -> AbstractContextManager[LogReader | None]:
    return nullcontext()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(data: Path, port: int = 0, host: str = "127.0.0.1") -> Settings:
    return Settings(data=str(data), port=port, host=host)


def by_name(found: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in found}


def look(data: Path, open_log: machine.OpenLog = no_log, **more: object) -> dict[str, Check]:
    return by_name(machine.checks(settings(data, **more), open_log))  # type: ignore[arg-type]


@contextmanager
def serving(data: Path, url: str) -> Iterator[None]:
    """What a running product leaves in its directory."""
    with (data / "lock").open("w+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        told = {"pid": os.getpid(), "url": url, "children": {"server": 1}}
        (data / "run.json").write_text(json.dumps(told))
        yield


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def test_a_fit_machine_has_nothing_to_mend(data: Path) -> None:
    """Every check is there, says something and asks for nothing; nothing is left behind."""
    found = look(data, port=free_port())
    wanted = ["python", "versions", "data directory", "free space", "permissions", "lock", "clock",
              "log", "port"]  # fmt: skip
    assert list(found) == wanted
    assert {check.status for check in found.values()} <= {"ok", "warn"}
    assert all(check.detail for check in found.values())
    assert all(bool(check.fix) == (check.status != "ok") for check in found.values())
    assert list(data.iterdir()) == []


def test_a_directory_that_is_not_there_is_fine(tmp_path: Path) -> None:
    """The first start makes it; looking does not."""
    found = look(tmp_path / "a" / "b")
    assert found["data directory"].status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried, as permissions do not tell everything; the fix names whose it should be."""

    def refuse(_: int) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "fsync", refuse)
    found = look(data)["data directory"]
    assert (found.status, "Read-only" in found.detail) == ("fail", True)
    assert str(data) in found.fix
    assert list(data.iterdir()) == []


def test_a_file_in_place_of_the_directory(tmp_path: Path) -> None:
    """No other check stumbles over it."""
    (tmp_path / "data").write_text("x")
    found = look(tmp_path / "data")
    assert found["data directory"].status == "fail"
    assert found["lock"].status == "ok"


@pytest.mark.parametrize(
    ("free", "status"), [(100 << 20, "fail"), (1 << 30, "warn"), (10 << 30, "ok")]
)
def test_free_space(data: Path, free: int, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is told before it refuses events."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(1 << 40, 0, free))
    assert look(data)["free space"].status == status


def test_secrets_that_others_may_read(data: Path) -> None:
    """Named with the command that closes them, which is enough."""
    (data / "secrets").mkdir(mode=0o700)
    for path in (data / "keys.db", data / "secrets" / "salt"):
        path.write_text("x")
        path.chmod(0o600)
    assert look(data)["permissions"].status == "ok"
    (data / "secrets" / "salt").chmod(0o640)
    found = look(data)["permissions"]
    assert (found.status, found.fix) == ("fail", f"chmod go= {data / 'secrets' / 'salt'}")
    (data / "secrets" / "salt").chmod(0o600)
    data.chmod(0o755)
    found = look(data)["permissions"]
    assert (found.status, found.fix) == ("warn", f"chmod o= {data}")


def test_who_holds_the_directory(data: Path) -> None:
    """A running product is named; looking does not take the lock from it."""
    assert "free" in look(data)["lock"].detail
    with serving(data, "http://127.0.0.1:8090"):
        for _ in range(2):
            found = look(data)["lock"]
            assert found.status == "ok"
            assert f"pid {os.getpid()}, http://127.0.0.1:8090" in found.detail


def test_a_product_that_was_killed_is_told(data: Path) -> None:
    """What it left stays until the next start."""
    with serving(data, "http://127.0.0.1:8090"):
        pass
    found = look(data)["lock"]
    assert (found.status, "killed" in found.detail) == ("warn", True)


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid": "x"}'])
def test_a_torn_run_file_is_none(data: Path, content: bytes) -> None:
    """It is only read for its address."""
    (data / "run.json").write_bytes(content)
    assert look(data)["lock"].status == "ok"


def test_a_port_that_another_program_has(data: Path) -> None:
    """Ours is fine, somebody else's is not."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = look(data, port=port)["port"]
        assert (found.status, "--port" in found.fix) == ("fail", True)
        with serving(data, f"http://127.0.0.1:{port}"):
            assert look(data, port=port)["port"].status == "ok"
        with serving(data, "http://127.0.0.1:1"):
            assert look(data, port=port)["port"].status == "fail"


def test_addresses_that_are_not_of_this_machine(data: Path) -> None:
    """Told as what they are."""
    for host in ("192.0.2.1", "no-such-host.invalid"):
        found = look(data, host=host, port=free_port())["port"]
        assert (found.status, host in found.detail) == ("fail", True)


def test_a_clock_that_was_never_set(data: Path) -> None:
    """1970 is no time to collect events."""
    found = by_name(machine.checks(settings(data), no_log, clock=lambda: 5_000_000))
    assert (found["clock"].status, "1970" in found["clock"].detail) == ("fail", True)


def test_a_clock_that_is_being_moved(data: Path) -> None:
    """Wall time goes on as fast as time does."""
    begun, told = system_clock(), iter(range(0, 1000, 1))

    def racing() -> int:
        return begun + next(told) * 500_000

    found = by_name(machine.checks(settings(data), no_log, clock=racing))["clock"]
    assert (found.status, "NTP" in found.fix) == ("warn", True)


@pytest.mark.parametrize("topic", ["events", "records"])
def test_a_log_from_the_future(data: Path, topic: Topic) -> None:
    """The clock went back: what comes in now is put before what is there."""
    now = system_clock()
    ahead = look(data, lambda: nullcontext(Log(now + 60_000_000, topic)))["log"]
    assert (ahead.status, "in the future" in ahead.detail) == ("fail", True)
    past = look(data, lambda: nullcontext(Log(now - 60_000_000, topic)))["log"]
    assert (past.status, "7 entries" in past.detail) == ("ok", True)


def test_a_log_that_cannot_be_read_stops_no_other_check(data: Path) -> None:
    """It fails with its reason and what to do."""

    @contextmanager
    def broken() -> Iterator[LogReader | None]:
        raise StorageError("cannot read log.db: file is not a database")
        yield

    found = look(data, broken, port=free_port())
    assert (found["log"].status, "backup" in found["log"].fix) == ("fail", True)
    assert "not a database" in found["log"].detail
    assert found["port"].status == "ok"
