"""What a step and a mapped item cost, computed and from the cache."""

from __future__ import annotations

from collections.abc import Iterator

from floor import Floor
from measure import Row, alternately, emptied
from pipelines import add, chain, fan, starts

from runlore import Status


def chains(rounds: int) -> Iterator[Row]:
    """A chain of trivial steps: first, and once more from the cache."""
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
            last[:] = [next(starts)]
            fan(length=length, start=last[0])

        computed, cached = alternately(max(3, rounds // 2), first, lambda: fan(length=length, start=last[0]))
    yield Row(what=f"map of {length:,}: per item", floor=None, runlore=computed, units=length, budget="≤ 0.1 ms")
    yield Row(what=f"map of {length:,}, cached: per item", floor=None, runlore=cached, units=length)
