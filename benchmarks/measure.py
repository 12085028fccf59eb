"""Measuring: works done in turns, medians, and the table that shows them."""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import runlore
from runlore.workspace import default_workspace


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. Measured is the whole; ``units`` says by how many parts it is divided.

    ``unit`` is ``ms`` for times, which are given in seconds; ``MB`` for sizes, given in bytes; else any word.
    """

    what: str
    floor: float | None
    runlore: float
    units: int = 1
    unit: str = "ms"
    budget: str = ""

    def cells(self) -> tuple[str, ...]:
        ratio = f"{self.runlore / self.floor:.2f}" if self.floor else ""
        return (self.what, self._shown(self.floor), self._shown(self.runlore), ratio, self.budget)

    def _shown(self, measured: float | None) -> str:
        if measured is None:
            return ""
        if self.unit == "ms":
            return duration(measured, self.units)
        if self.unit == "MB":
            return f"{measured / self.units / 1e6:.3g} MB"
        return f"{measured / self.units:.3g} {self.unit}"


def duration(seconds: float, units: int = 1) -> str:
    """Milliseconds per unit with three significant digits."""
    return f"{seconds / units * 1000:.3g} ms"


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def alternately(rounds: int, *works: Callable[[], Any]) -> list[float]:
    """Median time of each work, all of them done once per round."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, times, strict=True):
            taken.append(timed(work))
    return [statistics.median(taken) for taken in times]


@cache
def _compile() -> None:
    compileall.compile_dir(Path(runlore.__file__).parent, quiet=1)


def python(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints that runs ``code``. It finds runlore compiled, as an installed package is."""
    _compile()
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout


@contextmanager
def emptied(durability: str = "full") -> Iterator[Path]:
    """A folder for one measurement; runlore's record lies in it."""
    with tempfile.TemporaryDirectory(prefix="runlore-bench-") as name:
        os.environ["RUNLORE_HOME"] = str(Path(name, "home"))
        os.environ["RUNLORE_PROGRESS"] = "quiet"
        os.environ["RUNLORE_DURABILITY"] = durability
        try:
            yield Path(name)
        finally:
            default_workspace().close()


def table(rows: list[Row]) -> str:
    """Rows as a Markdown table."""
    heading = ("", "floor", "runlore", "ratio", "budget")
    lines = [heading, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)
