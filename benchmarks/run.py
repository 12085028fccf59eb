"""Measure runlore beside the floor program, alternately on one machine, and print a table of medians and ratios.

    python benchmarks/run.py              everything but the large values
    python benchmarks/run.py chain map    some sections: start, chain, map, large
    python benchmarks/run.py --rounds 9   more rounds, steadier medians

Times of one machine scatter; ratios of things measured in turns scatter less. Nothing is asserted here.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from floor import Floor

from runlore import Status, pipeline, step
from runlore.workspace import default_workspace

SECTIONS = ("start", "chain", "map", "large")
_starts = count(1_000_000, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; times in seconds for the whole, ``units`` says by how many parts it is divided."""

    what: str
    floor: float | None
    runlore: float
    units: int = 1
    budget: str = ""

    def cells(self) -> tuple[str, ...]:
        ratio = f"{self.runlore / self.floor:.2f}" if self.floor else ""
        return (self.what, duration(self.floor, self.units), duration(self.runlore, self.units), ratio, self.budget)


def duration(seconds: float | None, units: int) -> str:
    """Milliseconds per unit with three significant digits."""
    return "" if seconds is None else f"{seconds / units * 1000:.3g} ms"


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


@contextmanager
def emptied() -> Iterator[Path]:
    """A folder for one measurement; runlore's record lies in it."""
    with tempfile.TemporaryDirectory(prefix="runlore-bench-") as name:
        os.environ["RUNLORE_HOME"] = str(Path(name, "home"))
        os.environ["RUNLORE_PROGRESS"] = "quiet"
        try:
            yield Path(name)
        finally:
            default_workspace().close()


def add(value: int) -> int:
    return value + 1


add_step = step(add)


@pipeline
def chain(length: int, start: int) -> Any:
    value = add_step(start)
    for _ in range(length - 1):
        value = add_step(value)
    return value


@pipeline
def fan(length: int, start: int) -> Any:
    return add_step.map(range(start, start + length))


def start(rounds: int) -> Iterator[Row]:
    """What a process pays before it does anything."""

    def python(code: str, *arguments: str) -> Callable[[], Any]:
        return lambda: subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)

    door = "from runlore.show.cli.main import main; main()"
    latest = (
        "from runlore.client import Client; print(Client().get_pipeline('chain').last_run.steps['add'].output.load())"
    )
    with emptied():
        chain(length=3, start=0)
        bare, *times = alternately(
            max(rounds, 9),
            python("pass"),
            python("import runlore"),
            python("from runlore import step, pipeline"),
            python("from runlore.client import Client"),
            python(door, "run", "list"),
            python(latest),
        )
    names = ("import runlore", "… step, pipeline", "… Client", "runlore run list", "script printing the latest run")
    budgets = ("≤ 40 ms more", "≤ 40 ms more", "", "≤ 80 ms more", "≤ 100 ms")
    for name, taken, budget in zip(names, times, budgets, strict=True):
        yield Row(
            what=f"{name}, over bare Python ({duration(bare, 1)})", floor=None, runlore=taken - bare, budget=budget
        )


def chains(rounds: int) -> Iterator[Row]:
    """A chain of trivial steps: first, and once more from the cache."""
    for length in (10, 100, 1000):
        with emptied() as folder:
            floor = Floor(folder / "floor")
            last: list[int] = []

            def plain(floor: Floor = floor, length: int = length) -> None:
                value = next(_starts)
                for _ in range(length):
                    value = floor.call(add, value)

            def first(length: int = length, last: list[int] = last) -> None:
                last[:] = [next(_starts)]
                chain(length=length, start=last[0])

            def again(length: int = length, last: list[int] = last) -> None:
                run = chain(length=length, start=last[0])
                if run.status != Status.CACHED:
                    raise RuntimeError(f"the second run is {run.status}, so this would measure something else")

            chain(length=length, start=0)
            repeat = max(3, rounds if length < 1000 else rounds // 2)
            below, computed, cached = alternately(repeat, plain, first, again)
            floor.close()
        yield Row(what=f"chain of {length:,}: per step", floor=below, runlore=computed, units=length, budget="≤ 2")
        yield Row(
            what=f"chain of {length:,}, cached: per step",
            floor=below,
            runlore=cached,
            units=length,
            budget="≤ 0.1 ms" if length == 100 else "",
        )


def maps(rounds: int) -> Iterator[Row]:
    """One mapped step of 10,000 trivial items."""
    length = 10_000
    with emptied():
        fan(length=10, start=0)
        last: list[int] = []

        def first() -> None:
            last[:] = [next(_starts)]
            fan(length=length, start=last[0])

        computed, cached = alternately(max(3, rounds // 2), first, lambda: fan(length=length, start=last[0]))
    yield Row(what=f"map of {length:,}: per item", floor=None, runlore=computed, units=length, budget="≤ 0.1 ms")
    yield Row(what=f"map of {length:,}, cached: per item", floor=None, runlore=cached, units=length)


def large(rounds: int) -> Iterator[Row]:
    """An array of 256 MB, stored and loaded, without a pipeline around it."""
    import numpy as np

    with emptied() as folder:
        floor = Floor(folder / "floor")
        source = np.random.default_rng(0)
        times = [save_and_load(floor, source.random(32 * 1024 * 1024)) for _ in range(max(3, rounds // 2))]
        floor.close()
    kept, saved, read, loaded = (statistics.median(column) for column in zip(*times, strict=True))
    yield Row(what="256 MB array: save", floor=kept, runlore=saved, budget="≤ 0.7")
    yield Row(what="256 MB array: load, verified before", floor=read, runlore=loaded, budget="≤ 10 ms")


def save_and_load(floor: Floor, array: Any) -> tuple[float, float, float, float]:
    """Seconds for the floor and runlore to save ``array``, and to load it again."""
    vault = default_workspace().vault
    names: list[str] = []
    contents: list[Any] = []
    kept = timed(lambda: names.append(floor.keep(memoryview(array).cast("B"))))
    saved = timed(lambda: contents.append(vault.store(array)))
    read = timed(lambda: floor.get(names[0]))
    floor.forget(names[0])
    time.sleep(2.5)  # a file that has just been written is not trusted to be unchanged
    vault.load(contents[0])
    return kept, saved, read, timed(lambda: vault.load(contents[0]))


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often each thing is measured")
    chosen = parser.parse_args()
    unknown = set(chosen.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    sections = chosen.sections or list(SECTIONS[:-1])
    measures = {"start": start, "chain": chains, "map": maps, "large": large}
    rows = [row for name in SECTIONS if name in sections for row in measures[name](chosen.rounds)]
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}"
    )
    print(table(rows))


if __name__ == "__main__":
    main()
