"""The guide's examples work when they are typed."""

from pathlib import Path

import pytest

from tests.docs.repository import ROOT, fences
from tests.server.running import Account, Running

GUIDE = ROOT / "docs" / "guides" / "python-client.md"
ADDRESS = "http://127.0.0.1:8090"


def test_every_example_runs(
    product: Running, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """In their order, each block by itself, against the real server; what they send is there."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    blocks = fences(GUIDE, "python")
    assert len(blocks) == 6
    for block in blocks:
        assert ADDRESS in block
        exec(block.replace(ADDRESS, product.url), {"key": account.key, "__name__": "guide"})
    said = capsys.readouterr().out
    assert "2 accepted, 0 still wait" in said
    assert "rejected" not in said.replace("rejected=0", "")
    assert account.total("signup") == account.total("reading") == 1
    assert account.total("assessment.completed") == 1
