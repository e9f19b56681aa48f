"""README and docs say what the program does: its help, its commands, files and headings that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from profile_smoke import paths
from profile_smoke.cli.arguments import parse
from profile_smoke.cli.options import PROG

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "profiles/*.md", "scenarios/**/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> list[str]:
    """The command lines of our program in a page's shell examples, up to a pipe."""
    found = []
    for language, body in _FENCE.findall(page.read_text("utf-8")):
        if language in ("sh", "console"):
            for line in body.replace("\\\n", " ").splitlines():
                command = line.strip().removeprefix("$ ")
                if command.startswith(f"{PROG} "):
                    found.append(command.split(" | ")[0])
    return found


def test_the_readme_shows_the_real_help(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """Word for word; `--update-golden` puts it there."""
    with pytest.raises(SystemExit):
        parse(["--help"])
    real = capsys.readouterr().out
    readme = ROOT / "README.md"
    [shown] = [body for language, body in _FENCE.findall(readme.read_text("utf-8")) if language == "text"]
    if request.config.getoption("--update-golden"):
        readme.write_text(readme.read_text("utf-8").replace(shown, real), "utf-8")
        shown = real
    assert shown == real


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file or folder of the repository, and to a heading of it."""
    broken = []
    for link in _LINK.findall(_FENCE.sub("", page.read_text("utf-8"))):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name)
def test_commands_are_understood(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example is a command line that the program takes (of folders, as if they were there)."""
    monkeypatch.setattr(paths, "is_dir", lambda _path: True)
    for command in commands(page):
        parse(shlex.split(command, comments=True)[1:])


def test_every_page_is_reachable_from_the_readme() -> None:
    """A page that no other leads to is not read."""
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or not page.exists():
            continue
        seen.add(page)
        links = [link.partition("#")[0] for link in _LINK.findall(page.read_text("utf-8"))]
        todo += [
            (page.parent / link).resolve() for link in links if link.endswith(".md") and "://" not in link
        ]
    lost = {name(page) for page in PAGES if name(page).startswith("docs/")} - {name(page) for page in seen}
    assert lost == set()
