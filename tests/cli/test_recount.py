"""``tallybrook recount``: the slow count and the stored one agree, or it says where not."""

import sqlite3
from pathlib import Path

from tests.cli.conftest import Remote
from tests.support import tallybrook


def test_verify_finds_nothing_and_says_so_in_a_short_block(remote: Remote) -> None:
    """Beside a running product, with the four sizes and a closing line."""
    events = [{"event_type": "recounted", "user_id": "u", "event_id": f"r{n}"} for n in range(3)]
    remote.product.client.post("/events/batch", json={"events": events})
    ran = tallybrook("recount", "--verify", "--data", str(remote.product.data))
    assert ran.code == 0, ran
    assert all(f"{minutes:>2} min" in ran.out for minutes in (1, 5, 15, 60))
    assert "[1/3]" in ran.out
    assert ran.out.strip().endswith("✓ SUCCESS")
    assert len(ran.out.splitlines()) < 12


def test_a_data_directory_without_a_log_is_a_usage_error(tmp_path: Path) -> None:
    """Nothing is made there by looking."""
    ran = tallybrook("recount", "--verify", "--data", str(tmp_path / "none"))
    assert ran.code == 2
    assert not (tmp_path / "none").exists()


def test_a_wrong_since_is_a_usage_error(remote: Remote) -> None:
    """The text is named."""
    ran = tallybrook("recount", "--since", "lately", "--data", str(remote.product.data))
    assert (ran.code, "lately" in ran.err) == (2, True)


def test_a_wrong_counter_is_found_named_and_corrected(remote: Remote, tmp_path: Path) -> None:
    """verify exits 1 with the bucket, recount mends it, verify is content again."""
    data = tmp_path / "copy"
    data.mkdir()
    remote.product.client.post("/events", json={"event_type": "spoilt", "user_id": "u"})
    with sqlite3.connect(remote.product.data / "log.db") as source:
        target = sqlite3.connect(data / "log.db")
        source.backup(target)
    target.execute("UPDATE counters SET count = count + 5 WHERE series = 'spoilt' AND minutes = 5")
    target.commit()
    target.close()
    source.close()
    ran = tallybrook("recount", "--verify", "--data", str(data))
    assert ran.code == 1
    assert "spoilt" in ran.out
    assert "stored 6, recounted 1" in ran.out
    assert tallybrook("recount", "--data", str(data)).code == 0
    assert tallybrook("recount", "--verify", "--data", str(data)).code == 0
