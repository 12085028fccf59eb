"""What measuring costs a training loop, beside appending to a list and reading the clock; and reading series back."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from measure import Row, emptied, timed

from runlore import log_metric, pipeline, step

_CALLS = 10_000
_LONG = 1_000_000


def metrics(rounds: int) -> Iterator[Row]:
    """10,000 calls in a step, alone and with the recording of their points; a million points read back."""
    floors: list[float] = []
    calls: list[float] = []

    @step(enable_cache=False)
    def train(count: int) -> None:
        points: list[tuple[str, float, int, int]] = []
        clock = time.time_ns
        began = time.perf_counter()
        for epoch in range(count):
            points.append(("loss", 0.3, epoch, clock()))
        between = time.perf_counter()
        for epoch in range(count):
            log_metric("loss", 0.3, step=epoch)
        floors.append(between - began)
        calls.append(time.perf_counter() - between)

    @step(enable_cache=False)
    def idle(count: int) -> None:
        pass

    @pipeline
    def training(count: int) -> None:
        train(count)

    @pipeline
    def idling(count: int) -> None:
        idle(count)

    with emptied():
        training(count=10)
        idling(count=10)
        whole = []
        for _ in range(3 * rounds):
            nothing = timed(lambda: idling(count=_CALLS))
            took = timed(lambda: training(count=_CALLS))
            whole.append(took - nothing - floors[-1])
        floor, call = statistics.median(floors[1:]), statistics.median(calls[1:])
        what = f"log_metric, {_CALLS:,} calls: each"
        yield Row(what=what, floor=floor, runlore=call, units=_CALLS, budget="≤ 0.003 ms")
        yield Row(what="… with recording its point", floor=floor, runlore=statistics.median(whole), units=_CALLS)
        run = training(count=_LONG)
        last = statistics.median(timed(lambda: run.metrics["loss"].last) for _ in range(4 * rounds))
        values = statistics.median(timed(lambda: run.metrics["loss"].values) for _ in range(rounds))
    yield Row(what=f"last of {_LONG:,} points", floor=None, runlore=last)
    yield Row(what=f"values of {_LONG:,} points", floor=None, runlore=values)
