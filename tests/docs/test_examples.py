"""Every Python example and every `runlore` command in the README and the documentation works, in order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(python|shell)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (\w+\.py)\n")
PAGES = [
    page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if BLOCK.search(page.read_text())
]


def commands(kind: str, text: str, number: int, folder: Path) -> list[list[str]]:
    """What to run for one block. A Python block is a file of its own, called as its first line says."""
    if kind == "python":
        named = NAMED.match(text)
        file = folder / (named[1] if named else f"example_{number}.py")
        file.write_text(text)
        return [[sys.executable, "-W", "error", file.name]]
    runlore = [sys.executable, "-c", "from runlore.show.cli.main import main; main()"]
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [runlore + words[1:] for words in lines if words[:1] == ["runlore"]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page(page: Path, tmp_path: Path) -> None:
    """Typed in from top to bottom by somebody with an empty record, a page's examples all succeed."""
    environment = {**os.environ, "RUNLORE_HOME": str(tmp_path / "home"), "COLUMNS": "80"}
    folder = tmp_path / "work"
    folder.mkdir()
    for number, (kind, text) in enumerate(BLOCK.findall(page.read_text()), 1):
        for command in commands(kind, text, number, folder):
            done = subprocess.run(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{page.name}, block {number}: {command[2:]}\n{text}\n{done.stderr}"


def test_there_are_pages() -> None:
    """The search for examples finds the README and more."""
    assert ROOT / "README.md" in PAGES
    assert len(PAGES) > 1


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))])
def test_links(page: Path) -> None:
    """A link to a file of this repository leads to one."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []
