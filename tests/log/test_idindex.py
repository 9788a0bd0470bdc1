"""The SQLite log's own index of ids: exact under collisions, sealing, merging, restarts."""

import random
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallybrook.ports.log import Write
from tallybrook.ports.log.local import committer
from tallybrook.ports.log.local.dedup import Deduplicator
from tallybrook.ports.log.local.idindex import IdIndex
from tests.contracts.logs import Local, event
from tests.support import wait_for

HASHES: dict[str, Any] = {
    "one hash": lambda _text: 7,
    "two hashes": lambda text: len(text) % 2 + (1 << 63),
    "few hashes": lambda text: sum(text) % 16,
}


def open_with(path: Path, hash_of: Any, seal_at: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The log with every id hashed by ``hash_of``."""
    monkeypatch.setattr(committer, "Deduplicator", lambda p, i: Deduplicator(p, i, hash_of))
    return Local(path).open(seal_at=seal_at)


@pytest.mark.parametrize("seal_at", [3, 10_000])
@pytest.mark.parametrize("name", HASHES)
def test_colliding_ids_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, seal_at: int
) -> None:
    """Ids that share a hash are still different ids: in one write, across writes, sealed, merged
    and after restarts; and the same id is still the same."""
    known: set[str] = set()
    chosen = random.Random(5)
    for _ in range(4):
        log = open_with(tmp_path, HASHES[name], seal_at, monkeypatch)
        for _ in range(15):
            names = [f"e{chosen.randrange(60)}" for _ in range(chosen.randrange(1, 6))]
            flags = log.write(Write([event(n) for n in names])).duplicate
            # A seal under way has a test of its own below.
            wait_for(lambda log=log: not log._ids._index._busy())
            expected = []
            for n in names:
                expected.append(n in known)
                known.add(n)
            assert flags == expected
            assert all(log.find("acme", n) is not None for n in names)
        assert log.find("acme", "never") is None
        log.close()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 25), min_size=1, max_size=5) | st.just("reopen"), max_size=14),
    st.sampled_from([1, 2, 5]),
)
def test_sealing_and_reopening_at_any_point(steps: list[Any], seal_at: int) -> None:
    """With segments of a handful of ids, whatever is written and wherever it is reopened, an id
    is new exactly once and found for ever after."""
    with tempfile.TemporaryDirectory() as folder:
        backend, known = Local(Path(folder)), set[int]()
        log = backend.open(seal_at=seal_at)
        for step in steps:
            if step == "reopen":
                log.close()
                log = backend.open(seal_at=seal_at)
                continue
            flags = log.write(Write([event(f"{i}") for i in step])).duplicate
            expected = [i in known or i in step[:at] for at, i in enumerate(step)]
            known |= set(step)
            assert flags == expected
        assert all(log.find("acme", f"{i}") is not None for i in known)
        log.close()


def test_sealing_and_merging_under_load(tmp_path: Path) -> None:
    """Four threads, segments of 50 ids: thousands of ids, each accepted once, merged files few."""
    backend = Local(tmp_path)
    log = backend.open(seal_at=50)
    accepted: list[int] = []

    def work(seed: int) -> None:
        chosen = random.Random(seed)
        for _ in range(150):
            names = {f"{chosen.randrange(4_000)}" for _ in range(20)}
            flags = log.write(Write([event(n) for n in sorted(names)])).duplicate
            accepted.append(flags.count(False))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = log.head
    assert sum(accepted) == total <= 4_000
    log.close()
    assert len(list((tmp_path / "ids").glob("*.npy"))) < 30
    log = backend.open(seal_at=50)
    again = [event(f"{i}") for i in range(4_000)]
    assert log.write(Write(again)).duplicate.count(True) == total
    log.close()


def test_a_collision_while_a_seal_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An id that is being sealed is still known when another id of its hash is newer."""
    sealing = threading.Event()
    release = threading.Event()
    seal = IdIndex._seal

    def slow(self: IdIndex, first: int, last: int) -> None:
        sealing.set()
        release.wait(20)
        seal(self, first, last)

    monkeypatch.setattr(IdIndex, "_seal", slow)
    log = open_with(tmp_path, lambda _text: 7, 1, monkeypatch)
    try:
        wait_for(lambda: not log._ids._index._busy())
        log.write(Write([event("a")]))
        assert sealing.wait(20)
        assert log.write(Write([event("b")])).duplicate == [False]
        assert log.write(Write([event("a"), event("b")])).duplicate == [True, True]
    finally:
        release.set()
        log.close()


def test_what_a_crash_left_is_swept(tmp_path: Path) -> None:
    """Half-written files, and files that were merged already, are neither read nor kept."""
    backend = Local(tmp_path)
    log = backend.open(seal_at=2)
    for i in range(40):
        log.write(Write([event(f"{i}")]))
    log.close()
    folder = tmp_path / "ids"
    merged = max(folder.glob("*.npy"), key=lambda path: path.stat().st_size)
    (folder / f"{merged.stem.split('-')[0]}-{1:016d}.npy").write_bytes(merged.read_bytes())
    (folder / "junk.tmp").write_bytes(b"junk")
    log = backend.open(seal_at=2)
    assert not (folder / "junk.tmp").exists()
    assert log.write(Write([event(f"{i}") for i in range(41)])).duplicate == [True] * 40 + [False]
    log.close()
