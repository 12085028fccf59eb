"""Working where little is given: no home, no user, no file that the code came from, another folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FLOW = """
from typing import Annotated
from runlore import pipeline, step

@step
def double(number: int) -> Annotated[int, "doubled"]:
    return number * 2

@pipeline
def doubling(number: int = 4):
    return double(number)

run = doubling()
print(run.status)
"""

RECALL = """
from runlore.client import Client
print(Client().get_pipeline("doubling").last_run.steps["double"].output.load())
"""


def python(code: str, *, cwd: Path, home: Path) -> str:
    """What ``code`` prints in a process that knows hardly anything of its surroundings."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env={"RUNLORE_HOME": str(home), "PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A working directory that cannot be written (by anybody but root)."""
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    return folder


def test_steps_from_the_command_line_run_and_are_cached(locked: Path, home: Path) -> None:
    """Steps of `python -c` run without HOME, USER or a writable folder, and are found again by the next process."""
    assert python(FLOW, cwd=locked, home=home) == "completed"
    assert python(FLOW, cwd=locked, home=home) == "cached"


def test_results_load_elsewhere(locked: Path, tmp_path: Path, home: Path) -> None:
    """A result is loaded from another folder by a process that never saw the steps."""
    python(FLOW, cwd=locked, home=home)

    assert python(RECALL, cwd=tmp_path, home=home) == "8"


def test_standard_output_belongs_to_the_program(locked: Path, home: Path) -> None:
    """Progress and messages go elsewhere; what a program prints is all that its standard output holds."""
    printed = python(
        FLOW.replace("return number * 2", "print('from the step'); return number * 2"), cwd=locked, home=home
    )

    assert printed.splitlines() == ["from the step", "completed"]
