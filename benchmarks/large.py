"""What large values cost to save and to load."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

from floor import Floor
from measure import Row, emptied, timed

from runlore.workspace import default_workspace


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
