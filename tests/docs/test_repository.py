"""What the repository says about itself is true."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.repository import ROOT, fences, files, pages, without_fences

# Written in pieces so that this file does not contain them.
HOSTS = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "deb." + "debian.org",
    "index." + "crates.io",
]
# Paths of the places where people keep checkouts, not of places inside a system.
PERSONAL_PATH = re.compile(r"(?<![\w./:-])/(?:home|Users|root|work)/[\w.-]+/[\w.-]")
LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)")
ANCHOR = re.compile(r'<a id="([^"]+)">')
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Line(NamedTuple):
    path: Path
    number: int
    text: str


@cache
def text_lines() -> list[Line]:
    lines = []
    for path in files():
        raw = path.read_bytes()
        if b"\0" in raw[:8192]:
            continue
        text = raw.decode("utf-8", "replace").splitlines()
        lines += [Line(path.relative_to(ROOT), n, line) for n, line in enumerate(text, 1)]
    return lines


def test_no_file_names_a_package_registry() -> None:
    """Where packages come from is the business of the machine, never of the repository."""
    named = [line for line in text_lines() if any(host in line.text for host in HOSTS)]
    assert not named


def test_no_file_names_a_path_of_one_machine() -> None:
    """The repository works wherever it is cloned."""
    here = {f"{ROOT}/", f"{Path.home()}/."} - {"//."}
    named = [
        line
        for line in text_lines()
        if any(path in line.text for path in here) or PERSONAL_PATH.search(line.text)
    ]
    assert not named


def slug(heading: str) -> str:
    """The anchor that a heading gets where the pages are read."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = without_fences(page)
    return {slug(heading) for heading in HEADING.findall(text)} | set(ANCHOR.findall(text))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    """A link to a page, a picture or a heading of the repository has a target."""
    missing = []
    for link in LINK.findall(without_fences(page)):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, fragment = link.partition("#")
        target = (page.parent / name) if name else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            missing.append(link)
    assert not missing


def makefile_targets() -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def make_commands(page: Path) -> set[str]:
    inline = " ".join(re.findall(r"`([^`\n]+)`", without_fences(page)))
    shell = "\n".join(fences(page, "sh"))
    return set(re.findall(r"(?<![\w.-])make ([a-z0-9-]+)", f"{inline}\n{shell}"))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_command_in_a_page_exists(page: Path) -> None:
    """`make x` in a document can be typed."""
    assert make_commands(page) <= makefile_targets()


def test_every_make_target_is_explained() -> None:
    """`make help` lists every target that is meant to be typed."""
    text = (ROOT / "Makefile").read_text("utf-8")
    explained = set(re.findall(r"^([a-z0-9-]+):.*## ", text, re.MULTILINE))
    assert makefile_targets() - explained == {"setup-run"}


def source_folders() -> set[str]:
    source = ROOT / "src" / "tallybrook"
    return {
        f"{parent.relative_to(source)}/"
        for path in files()
        if path.is_relative_to(source)
        for parent in path.parents
        if parent.is_relative_to(source) and parent != source and "vendor" not in parent.parts
    }


def test_contributing_has_one_line_a_folder() -> None:
    """The tree in CONTRIBUTING names every folder under src/tallybrook, and no other."""
    trees = [code for code in fences(ROOT / "CONTRIBUTING.md", "text") if "src/tallybrook/" in code]
    assert len(trees) == 1
    after = trees[0].split("src/tallybrook/", 1)[1]
    listed = re.findall(r"^  ([\w/]+/)  +\S", after, re.MULTILINE)
    assert sorted(listed) == sorted(source_folders())


def test_every_decision_is_in_the_index() -> None:
    """docs/decisions/README.md lists each decision with its title."""
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text("utf-8")
    for page in sorted(folder.glob("[0-9]*.md")):
        title = page.read_text("utf-8").splitlines()[0].removeprefix("# ")
        assert f"- [{title}]({page.name})" in index
