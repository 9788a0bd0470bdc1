"""Which of our own modules a function can reach, read from the source."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
PACKAGE = "tallybrook"

CHOOSING = re.compile(r"tallybrook\.(wiring(\.\w+)?|ports\.sql\.child)")
EMBEDDED = re.compile(r"tallybrook\.(ports\..*\blocal\b|entrypoints\.(cli|worker)\b)")
"""What the choosing modules build the embedded product of. On AWS those lines do not run."""

_NOT_TAKEN = re.compile(r"TYPE_CHECKING|version_info >= \(3, 14\)")
"""Conditions that no Lambda function of ours meets."""


def reachable(*modules: str) -> set[str]:
    """These, and our modules that they import at the top or inside a function, and so on."""
    found: set[str] = set()
    waiting = [*modules]
    while waiting:
        name = waiting.pop()
        if name in found or source_of(name) is None:
            continue
        found.add(name)
        waiting += _parents(name)
        waiting += [
            wanted
            for wanted in imports(name)
            if not (CHOOSING.fullmatch(name) and EMBEDDED.match(wanted))
        ]
    return found


def services(modules: Iterable[str]) -> set[str]:
    """The AWS services for which these modules ask for a client."""
    return {service for name in modules for service in _clients(name)}


def source_of(module: str) -> Path | None:
    """The file of one of our modules; None when there is no such module."""
    return _found(SOURCE, module)


@cache
def _found(root: Path, module: str) -> Path | None:
    path = root / module.replace(".", "/")
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def package_data(source: Path) -> Iterator[Path]:
    """The files that a package ships beside its modules, also in folders that are no packages."""
    if source.name != "__init__.py":
        return
    for path in sorted(source.parent.iterdir()):
        if path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file())
        elif path.is_file() and path.suffix != ".py":
            yield path


def imports(module: str) -> list[str]:
    """What a module imports of ours, names inside ``if TYPE_CHECKING`` left out."""
    return [name for name in _imported(module) if _is_ours(name)]


def others(modules: Iterable[str]) -> set[str]:
    """The modules of others that these import, at their top or inside a function."""
    return {
        name
        for module in modules
        for name in _imported(module, names=False)
        if not _is_ours(name) and name.partition(".")[0] not in sys.stdlib_module_names
    }


def _imported(module: str, *, names: bool = True) -> Iterator[str]:
    package = _package_of(module)
    for node in _imports_in(module):
        yield from _names(node, package)[: None if names or isinstance(node, ast.Import) else 1]


@cache
def _imports_in(module: str) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """The import statements of a module, but those that never run."""
    return tuple(_run_time(_tree(module)))


def _run_time(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and _NOT_TAKEN.search(ast.unparse(child.test)):
            yield from _run_time(ast.Module(child.orelse, []))
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _run_time(child)


def _names(node: ast.Import | ast.ImportFrom, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    name = resolve_name("." * node.level + (node.module or ""), package)
    return [name, *(f"{name}.{alias.name}" for alias in node.names)]


def _package_of(module: str) -> str:
    source = source_of(module)
    is_package = source is not None and source.name == "__init__.py"
    return module if is_package else module.rpartition(".")[0]


def _is_ours(name: str) -> bool:
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


@cache
def _clients(module: str) -> tuple[str, ...]:
    return tuple(_asked_for(module))


def _asked_for(module: str) -> Iterator[str]:
    for node in ast.walk(_tree(module)):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        called = node.func
        name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        service = node.args[0]
        if name == "client" and isinstance(service, ast.Constant):
            yield str(service.value)


@cache
def _tree(module: str) -> ast.Module:
    file = source_of(module)
    if file is None:
        return ast.Module([], [])
    return ast.parse(file.read_text())
