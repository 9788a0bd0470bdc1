"""The two commands work on machines that are set up differently."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.docs.repository import ROOT
from tools.pip_settings import pip_settings, uv_settings

LISTING = """\
:env:.timeout='180'
global.cert='/etc/ssl/ca.crt'
global.extra-index-url='http://127.0.0.1:1/a http://127.0.0.1:1/b'
global.index-url='http://127.0.0.1:1/simple'
global.timeout='15'
install.find-links='\\nwheels\\nmore'
"""


def test_uv_gets_what_pip_is_configured_with() -> None:
    """A machine where only pip is set up installs from the same place with uv."""
    assert uv_settings(pip_settings(LISTING), frozenset()) == {
        "SSL_CERT_FILE": "/etc/ssl/ca.crt",
        "UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple",
        "UV_FIND_LINKS": "wheels,more",
        "UV_HTTP_TIMEOUT": "180",
        "UV_INDEX": "http://127.0.0.1:1/a http://127.0.0.1:1/b",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_what_is_set_for_uv_already_wins() -> None:
    """Someone who configured uv is not overruled by pip's configuration."""
    given = uv_settings(pip_settings(LISTING), frozenset({"UV_DEFAULT_INDEX", "UV_INDEX"}))
    assert "UV_DEFAULT_INDEX" not in given
    assert "UV_INDEX" not in given
    assert "UV_INDEX_STRATEGY" not in given


def test_no_configuration_sets_nothing() -> None:
    assert uv_settings(pip_settings(""), frozenset()) == {}


def setup(tmp_path: Path, python: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHON": python, "VENV": str(tmp_path / "venv")}
    return subprocess.run(
        [ROOT / "tools" / "setup.sh", "run"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def pretend_python(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_an_old_python_is_refused_in_words(tmp_path: Path) -> None:
    """With a Python that is too old the setup says what it needs and makes nothing."""
    done = setup(tmp_path, pretend_python(tmp_path / "python", "exit 1"))
    assert done.returncode == 1
    assert "3.11 or newer" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_missing_venv_module_names_the_package(tmp_path: Path) -> None:
    """Debian ships Python without venv; the message says what to install."""
    script = 'case "$2" in *ensurepip*) exit 1 ;; *print*) echo 3.12 ;; esac'
    done = setup(tmp_path, pretend_python(tmp_path / "python", script))
    assert done.returncode == 1
    assert "apt-get install python3.12-venv" in done.stderr


@pytest.mark.parametrize("name", ["uv.txt", "run.txt", "dev.txt"])
def test_locks_have_hashes_and_no_addresses(name: str) -> None:
    """A lock pins bytes; where they come from is up to the machine."""
    text = (ROOT / "requirements" / name).read_text("utf-8")
    assert "://" not in text
    assert "--index" not in text
    packages = [block for block in text.split("\n") if "==" in block]
    assert packages
    assert all(line.endswith("\\") for line in packages), "a package without a hash"


def test_the_locks_agree() -> None:
    """Tests run on the versions that are installed at run time."""

    def pins(name: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for line in (ROOT / "requirements" / name).read_text("utf-8").splitlines():
            if "==" in line and not line.startswith((" ", "#")):
                package, version = line.split()[0].split("==")
                found.setdefault(package, set()).add(version)
        return found

    run, dev = pins("run.txt"), pins("dev.txt")
    assert {name: dev.get(name) for name in run} == run
