"""What a run, a step and a mapped item cost, computed and from the cache, in time, memory and disk."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from floor import Floor
from measure import Row, alternately, emptied, timed
from pipelines import add, chain, fan, starts

from runlore import Status


def chains(rounds: int) -> Iterator[Row]:
    """A chain of trivial steps: first, and once more from the cache."""
    slopes: dict[int, float] = {}
    for length in (10, 100, 1000):
        with emptied() as folder:
            floor = Floor(folder / "floor")
            last: list[int] = []

            def plain(floor: Floor = floor, length: int = length) -> None:
                value = next(starts)
                for _ in range(length):
                    value = floor.call(add, value)

            def first(length: int = length, last: list[int] = last) -> None:
                last[:] = [next(starts)]
                chain(length=length, start=last[0])

            def again(length: int = length, last: list[int] = last) -> None:
                run = chain(length=length, start=last[0])
                if run.status != Status.CACHED:
                    raise RuntimeError(f"the second run is {run.status}, so this would measure something else")

            chain(length=length, start=0)
            repeat = max(3, rounds if length < 1000 else rounds // 2)
            below, computed, cached = alternately(repeat, plain, first, again)
            floor.close()
        slopes[length] = computed / length
        yield Row(what=f"chain of {length:,}: per step", floor=below, runlore=computed, units=length, budget="≤ 2")
        yield Row(
            what=f"chain of {length:,}, cached: per step",
            floor=below,
            runlore=cached,
            units=length,
            budget="≤ 0.1 ms" if length == 100 else "",
        )
    slope = slopes[1000] / slopes[100]
    yield Row(what="… a step of 1,000 over one of 100", floor=None, runlore=slope, unit="×", budget="≤ 1.1")
    with emptied(durability="relaxed"):
        chain(length=1000, start=0)
        [relaxed] = alternately(max(3, rounds // 2), lambda: chain(length=1000, start=next(starts)))
    yield Row(what="chain of 1,000, relaxed", floor=None, runlore=relaxed, units=1000, budget="≤ 0.3 ms")


def runs(rounds: int) -> Iterator[Row]:
    """All that a run costs beside its steps: code and environment are kept, git is asked."""
    with emptied():
        chain(length=1, start=0)
        computed = statistics.median(timed(lambda: chain(length=1, start=next(starts))) for _ in range(4 * rounds))
        cached = statistics.median(timed(lambda: chain(length=1, start=0)) for _ in range(4 * rounds))
    yield Row(what="run of one step", floor=None, runlore=computed, budget="≤ 10 ms")
    yield Row(what="run of one step, cached", floor=None, runlore=cached, budget="≤ 10 ms")


#: Runs five chains of 1,000, then ten more, and prints how many bytes of memory those took that stayed.
_CHAINS = """
import sys
sys.path.insert(0, sys.argv[1])
from pipelines import chain, starts

def resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024

before = 0
for number in range(15):
    if number == 5:
        before = resident()
    chain(length=1000, start=next(starts) + int(sys.argv[2]))
print(resident() - before)
"""


def keeping(rounds: int) -> Iterator[Row]:
    """What more steps leave in memory and on the disk."""
    if not Path("/proc/self/status").exists():
        return
    grown: list[int] = []
    with emptied() as folder:
        for number in range(1 + max(2, rounds // 2)):
            command = [sys.executable, "-c", _CHAINS, str(Path(__file__).parent), str(number << 40)]
            told = subprocess.run(command, check=True, capture_output=True, text=True)
            grown.append(int(told.stdout))
            if number == 0:
                first = _held(folder)
        bytes_, files = (later - before for later, before in zip(_held(folder), first, strict=True))
    steps = 15_000 * number
    yield Row(
        what="memory per step", floor=None, runlore=statistics.median(grown), units=10_000, unit="B", budget="≤ 1 kB"
    )
    yield Row(what="disk per step", floor=None, runlore=bytes_, units=steps, unit="B", budget="≤ 1 kB")
    yield Row(what="files per step", floor=None, runlore=files, units=steps, unit="files", budget="0")


def _held(folder: Path) -> tuple[int, int]:
    """Bytes and files below a folder."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return sum(sizes), len(sizes)


def maps(rounds: int) -> Iterator[Row]:
    """One mapped step of 10,000 trivial items."""
    length = 10_000
    with emptied():
        fan(length=10, start=0)
        last: list[int] = []

        def first() -> None:
            last[:] = [next(starts)]
            fan(length=length, start=last[0])

        computed, cached = alternately(max(3, rounds // 2), first, lambda: fan(length=length, start=last[0]))
    yield Row(what=f"map of {length:,}: per item", floor=None, runlore=computed, units=length, budget="≤ 0.1 ms")
    yield Row(what=f"map of {length:,}, cached: per item", floor=None, runlore=cached, units=length)
