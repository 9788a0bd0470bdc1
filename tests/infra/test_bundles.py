"""Function bundles: complete, small, the same bytes every time, of the right machine."""

import json
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from infra.bundling import (
    DEPLOYED,
    FUNCTIONS,
    BundlingError,
    bundle,
    closure,
    digest,
    function,
    host,
    size_bytes,
    zip_bundle,
)
from infra.bundling.closure import EMBEDDED, SOURCE, imports, reachable, services
from infra.bundling.loading import Loaded, loaded
from infra.bundling.packing import contents
from infra.bundling.target import Target
from infra.bundling.wheels import unpacked
from infra.functions import FUNCTIONS as DEPLOYED_FUNCTIONS
from tests.support.bundles import Made, shared_bundles, shared_loads

NAMES = [known.name for known in FUNCTIONS]
WITH_DUCKDB = {"query", "lake"}
"""DuckDB alone is 60 MB: these two cannot be under the limit of the others."""

LIMIT_BYTES = 50_000_000
LARGER_BYTES = dict.fromkeys(WITH_DUCKDB, 200_000_000) | {"workflow": 100_000_000}
"""With DuckDB, and with numpy to count again. Lambda's own limit is 250 MiB."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Each bundle once."""
    return shared_bundles(tmp_path_factory)


@pytest.fixture(scope="module")
def loads(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Loaded]:
    """What each handler loads from its bundle."""
    return shared_loads(tmp_path_factory)


@pytest.fixture(scope="session")
def for_deployment() -> Target:
    """What is deployed by default. Its packages are not this machine's, and have to be had."""
    try:
        unpacked(DEPLOYED)
    except BundlingError as error:
        if "fetch" in str(error).lower() or "request" in str(error).lower():
            pytest.skip(f"no packages for {DEPLOYED} without a package index: {error}")
        raise
    return DEPLOYED


def test_every_deployed_function_can_be_packed() -> None:
    """The list of what is packed is the list of what is deployed, and each has its handler."""
    assert [spec.name for spec in DEPLOYED_FUNCTIONS] == NAMES
    folder = SOURCE / "tallybrook" / "entrypoints" / "lambdas"
    with_handler = {
        file.stem for file in folder.glob("*.py") if "\ndef handler(" in file.read_text()
    }
    assert with_handler == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_handler_is_imported_from_its_bundle_alone(
    name: str, made: Made, loads: Callable[[str], Loaded]
) -> None:
    """A bare interpreter that sees the bundle and the standard library imports the handler, and
    everything it loads is of one of the two."""
    folder = made(name)
    places = {Path(file) for file in loads(name).files.values() if file}
    inside = {place for place in places if place.is_relative_to(folder)}
    assert inside
    assert not [place for place in places - inside if "site-packages" in place.parts]
    assert not [place for place in places - inside if place.is_relative_to(SOURCE)]


@pytest.mark.parametrize("name", NAMES)
def test_bundle_is_small(name: str, made: Made) -> None:
    """Under 50 MB unzipped, and under Lambda's own limit where DuckDB or numpy is in it."""
    limit = LARGER_BYTES.get(name, LIMIT_BYTES)
    assert size_bytes(made(name)) < limit


@pytest.mark.parametrize("name", NAMES)
def test_bundle_has_bytecode_for_every_module(name: str, made: Made) -> None:
    """Made by the interpreter it is for, a bundle is not compiled at every start."""
    folder = made(name)
    missing = [file for file in folder.rglob("*.py") if not Path(_bytecode(file)).exists()]
    assert not missing


def _bytecode(file: Path) -> str:
    return cache_from_source(str(file))


@pytest.mark.parametrize("name", NAMES)
def test_bundle_knows_only_the_services_it_calls(name: str, made: Made) -> None:
    """The SDK's service models are those of the clients that reachable modules ask for."""
    data = made(name) / "botocore" / "data"
    known = {model.name for model in data.iterdir() if model.is_dir()}
    assert known == services(reachable(function(name).module))


def test_every_client_can_be_made_from_a_bundle(made: Made) -> None:
    """A service's model is the same in every bundle that has it: each service once."""
    wanted = {
        service: str(made(name))
        for name in NAMES
        for service in services(reachable(function(name).module))
    }
    script = (
        "import json, sys\n"
        "folder, services = json.loads(sys.argv[1])\n"
        "sys.path.insert(0, folder)\n"
        "from tallybrook.ports.aws.clients import client\n"
        "for service in services: client(service)"
    )
    for folder in sorted(set(wanted.values())):
        given = json.dumps([folder, sorted(s for s, place in wanted.items() if place == folder)])
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", script, given],
            env={"AWS_DEFAULT_REGION": "us-east-1"}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("http", "tallybrook.entrypoints.server.graphql"),
        ("http", "tallybrook.entrypoints.server.exposition"),
        ("query", "tallybrook.ports.sql.child"),
        ("query", "tallybrook.sql.session"),
        ("query", "tallybrook.lake.routes"),
        ("sequence", "tallybrook.entrypoints.lambdas.live"),
        ("lake", "tallybrook.lake.consumer"),
    ],
)
def test_module_loaded_while_the_function_runs_is_there(name: str, module: str, made: Made) -> None:
    """What a function imports only for some calls, with all that it imports in turn."""
    assert module in loaded(module, made(name)).files


def test_what_is_imported_at_the_first_call_is_there(graphql: str, made: Made) -> None:
    """The recounting function's bundle can call an API: its client imports its own parts late."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from tallybrook.ports.graphql.client import Api, Endpoint\n"
        "print(Api(Endpoint(sys.argv[2])).query('query { answer }', {})['answer'])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", script, str(made("recount")), graphql],
        env={}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == "42\n", done.stderr


@pytest.fixture
def graphql() -> Iterator[str]:
    """The address of an API on loopback that always gives the same answer."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = b'{"data": {"answer": 42}}'
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Not on the screen."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/graphql"
        server.shutdown()
        thread.join()


def test_same_input_same_bytes(tmp_path: Path) -> None:
    """A function that did not change is not deployed again: neither digest nor archive change."""
    target = host()
    archives, digests = [], []
    for attempt in ("first", "second"):
        out = tmp_path / attempt
        folder = bundle("sqs", out, arch=target.arch, python=target.python)
        digests.append(digest(folder))
        archives.append(zip_bundle(folder, tmp_path / f"{attempt}.zip").read_bytes())
    assert digests[0] == digests[1]
    assert archives[0] == archives[1]


def test_changed_file_changes_the_digest(tmp_path: Path) -> None:
    """Content, name, addition: each of them is another digest."""
    (tmp_path / "a.py").write_text("1")
    seen = {digest(tmp_path)}
    (tmp_path / "a.py").write_text("2")
    seen.add(digest(tmp_path))
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    seen.add(digest(tmp_path))
    (tmp_path / "c.py").write_text("")
    seen.add(digest(tmp_path))
    assert len(seen) == 4


def test_archive_holds_the_folder(tmp_path: Path) -> None:
    """Every file, sorted, readable for the function's user, all of one time."""
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "z.py").write_text("z")
    (folder / "sub" / "a.py").write_text("a")
    with zipfile.ZipFile(zip_bundle(folder, tmp_path / "out" / "f.zip")) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == ["sub/a.py", "z.py"]
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


TYPICAL = {"http", "query", "recount"}
"""Together they hold every package; packing the others for another machine too is left to
``make soak``."""

TARGETED = [
    name if name in TYPICAL else pytest.param(name, marks=pytest.mark.slow) for name in NAMES
]


def test_typical_functions_hold_every_package() -> None:
    """What is found in none of them would be packed for another machine in no test."""
    packages = {name: contents(function(name)).distributions for name in NAMES}
    assert set().union(*packages.values()) == set().union(*(packages[name] for name in TYPICAL))


@pytest.mark.parametrize("name", TARGETED)
def test_deployed_bundle_is_of_the_deployed_machine(
    name: str, for_deployment: Target, made: Made
) -> None:
    """Every shared object is of the target's processor and Python, and none is missing: the
    packages are those of the bundle that was imported here."""
    folder = made(name, for_deployment)
    shared = [file for file in folder.rglob("*") if ".so" in file.suffixes]
    assert shared
    assert {_machine(file) for file in shared} == {for_deployment.elf_machine}
    tag = f"cpython-{for_deployment.python.replace('.', '')}-"
    assert not [file for file in shared if "cpython-" in file.name and tag not in file.name]
    assert _packages(folder) == _packages(made(name))
    if not for_deployment.has_host_python:
        assert not list(folder.rglob("*.pyc"))


@pytest.mark.parametrize("name", TARGETED)
def test_deployed_bundle_is_small(name: str, for_deployment: Target, made: Made) -> None:
    """As the one for this machine."""
    limit = LARGER_BYTES.get(name, LIMIT_BYTES)
    assert size_bytes(made(name, for_deployment)) < limit


def _machine(file: Path) -> int:
    header = file.read_bytes()[:20]
    assert header.startswith(b"\x7fELF")
    number: int = struct.unpack_from("<H", header, 18)[0]
    return number


def _packages(folder: Path) -> set[str]:
    return {info.name.split("-")[0] for info in folder.glob("*.dist-info")}


@pytest.mark.parametrize("name", sorted({*NAMES} - WITH_DUCKDB))
def test_embedded_backends_stay_out(name: str, made: Made, loads: Callable[[str], Loaded]) -> None:
    """What only the embedded product runs is in no bundle that does not load it, but for the SQL
    engine: that for AWS is built on it."""
    used = loads(name).files.keys()
    folder = made(name)
    packed = {
        ".".join(file.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        for file in (folder / "tallybrook").rglob("*.py")
    }
    embedded = {module for module in packed if EMBEDDED.match(module)}
    assert embedded - used <= {"tallybrook.ports.sql.local"}


def test_imports_inside_functions_are_found() -> None:
    """The wiring loads its backends inside functions: they are bundled although importing the
    handler does not load them."""
    assert {"tallybrook.ports.keys.aws", "tallybrook.ports.log.aws"} <= set(
        imports("tallybrook.wiring.aws")
    )


def test_imports_for_types_are_no_imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What only a type checker reads does not run; a relative import means what it says."""
    package = tmp_path / "tallybrook" / "sample"
    package.mkdir(parents=True)
    (package / "module.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from tallybrook.sample import typed\n"
        "from .beside import one\nfrom tallybrook import settings as s\nimport json\n"
    )
    monkeypatch.setattr(closure, "SOURCE", tmp_path)
    assert set(imports("tallybrook.sample.module")) == {
        "tallybrook", "tallybrook.settings", "tallybrook.sample.beside",
        "tallybrook.sample.beside.one",
    }  # fmt: skip


def test_tests_and_examples_of_packages_stay_out(made: Made) -> None:
    """No tests, stubs or headers."""
    folder = made("http")
    assert not [path for path in folder.rglob("*") if path.name in {"tests", "test"}]
    assert not [path for path in folder.rglob("*") if path.suffix in {".pyi", ".pyx", ".h", ".c"}]


def test_unknown_function_is_refused(tmp_path: Path) -> None:
    """A name that is none of ours."""
    with pytest.raises(KeyError, match="no function"):
        bundle("nobody", tmp_path)


def test_handler_that_cannot_be_imported_is_told() -> None:
    """The reason is in the error, not on a screen."""
    with pytest.raises(BundlingError, match="No module named 'tallybrook"):
        loaded("tallybrook.nowhere", SOURCE)
