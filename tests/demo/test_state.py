"""What a demo remembers between runs."""

from pathlib import Path

import pytest

from tallybrook.demo.state import open_state, save_state
from tallybrook.errors import UsageError


def test_the_next_run_goes_on_from_the_last(tmp_path: Path) -> None:
    """Anchor, key and place in the stream are those of the first run."""
    state = open_state(tmp_path, 1000, None)
    state.steps, state.history_loaded = 42, True
    save_state(tmp_path, state)
    again = open_state(tmp_path, 2000, None)
    assert (again.anchor_us, again.key, again.steps, again.history_loaded) == (
        1000, state.key, 42, True,
    )  # fmt: skip


def test_the_file_with_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 0600, whatever the umask."""
    save_state(tmp_path, open_state(tmp_path, 1, None))
    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600


def test_a_directory_with_real_data_is_left_alone(tmp_path: Path) -> None:
    """The demo never writes its events into somebody's numbers."""
    (tmp_path / "log.db").touch()
    with pytest.raises(UsageError, match="not the demo's"):
        open_state(tmp_path, 1, None)


def test_an_own_admin_key_is_used(tmp_path: Path) -> None:
    """TALLYBROOK_ADMIN_KEY holds for the demo as for serve, also in a later run."""
    save_state(tmp_path, open_state(tmp_path, 1, "mine-mine-mine-mine"))
    assert open_state(tmp_path, 1, "other-other-other-1").key == "other-other-other-1"


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    """One line, no trace."""
    (tmp_path / "demo.json").write_text("{")
    with pytest.raises(UsageError, match="delete"):
        open_state(tmp_path, 1, None)
