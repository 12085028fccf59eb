"""A pipeline in a package: modules that import each other, run from the shell by file and by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FILES = {
    "etl/__init__.py": "",
    "etl/settings.py": """
import dataclasses

@dataclasses.dataclass(frozen=True)
class Window:
    start: int
    end: int
""",
    "etl/extract.py": """
from typing import Annotated
from runlore import File, Secret, step
from .settings import Window

@step
def fetch(window: Window, token: Secret[str]) -> Annotated[list[dict], "raw"]:
    return [{"number": number} for number in range(window.start, window.end)]

@step
def read(path: File) -> Annotated[list[str], "lines"]:
    with open(path) as file:
        return file.read().split()
""",
    "etl/flow.py": """
from typing import Annotated
from runlore import File, Secret, load_artifact, log_metadata, pipeline, save_artifact, step
from .extract import fetch, read
from .settings import Window

@step
def join(raw: list[dict], lines: list[str]) -> Annotated[list[tuple[int, str]], "joined"]:
    save_artifact({"rows": len(raw)}, "counts")
    return [(row["number"], line) for row, line in zip(raw, lines)]

@step
def check(joined: list[tuple[int, str]], least: int) -> None:
    log_metadata(load_artifact("counts"))
    if len(joined) < least:
        raise ValueError(f"only {len(joined)} rows")

@step
def publish() -> str:
    return "published"

@pipeline
def extracting(window: Window, token: Secret[str], path: File):
    return fetch(window, token), read(path)

@pipeline
def etl(token: Secret[str] = "none", least: int = 1):
    raw, lines = extracting(Window(0, 3), token, File("lines.txt"))
    joined = join(raw, lines, id="joining")
    check(joined, least)
    publish(after=["check"])
    return joined

if __name__ == "__main__":
    etl()
""",
    "lines.txt": "a b c",
}
RUNLORE = "from runlore.show.cli.main import main; main()"


@pytest.fixture
def project(home: Path, tmp_path: Path) -> Path:
    """A folder that holds the package."""
    folder = tmp_path / "project"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=os.environ, capture_output=True, text=True)


@pytest.mark.parametrize("target", ["etl/flow.py:etl", "etl.flow:etl", "./etl/flow.py:etl"])
def test_a_file_of_a_package_runs_as_part_of_it(project: Path, target: str) -> None:
    """A file that imports its neighbours relatively runs by file as by module, and is the same pipeline."""
    assert _run(project, "-m", "etl.flow").returncode == 0

    again = _run(project, "-P", "-c", RUNLORE, "pipeline", "run", target)

    assert again.returncode == 0, again.stderr
    assert again.stdout == "etl/2\n"
    assert "joining  cached" in again.stderr and "publish  cached" in again.stderr


def test_what_fails_and_what_is_secret(project: Path) -> None:
    """Nested steps, notes and the error of a step show in the shell; a secret shows nowhere."""
    failed = _run(
        project, "-P", "-c", RUNLORE, "pipeline", "run", "etl/flow.py:etl", "--token", "hush-hush", "--least", "9"
    )

    assert failed.returncode == 1
    assert "only 3 rows" in failed.stderr
    shown = _run(project, "-P", "-c", RUNLORE, "run", "show", "etl/latest")
    assert "extracting.fetch  completed" in shown.stdout and "publish" in shown.stdout and "skipped" in shown.stdout
    assert _run(project, "-P", "-c", RUNLORE, "step", "show", "etl/latest/check").stdout.count("rows=3") == 1
    assert "hush-hush" not in shown.stdout + failed.stderr
    kept = [file for file in Path(os.environ["RUNLORE_HOME"]).rglob("*") if file.is_file()]
    assert kept and not [file for file in kept if b"hush-hush" in file.read_bytes()]
