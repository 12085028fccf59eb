"""What a process pays before it does anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from measure import Row, alternately, duration, emptied, python
from pipelines import chain


def start(rounds: int) -> Iterator[Row]:
    """What a process pays before it does anything."""

    def started(code: str, *arguments: str) -> Callable[[], Any]:
        return lambda: python(code, *arguments)

    door = "from runlore.show.cli.start import start; start()"
    latest = (
        "from runlore.client import Client; print(Client().get_pipeline('chain').last_run.steps['add'].output.load())"
    )
    with emptied():
        chain(length=3, start=0)
        python("pass")
        bare, *times = alternately(
            max(rounds, 9),
            started("pass"),
            started("import runlore"),
            started("from runlore import step, pipeline"),
            started("from runlore.client import Client"),
            started(door, "run", "list"),
            started(latest),
        )
    names = ("import runlore", "… step, pipeline", "… Client", "runlore run list", "script printing the latest run")
    budgets = ("≤ 40 ms more", "≤ 40 ms more", "", "≤ 80 ms more", "≤ 100 ms")
    for name, taken, budget in zip(names, times, budgets, strict=True):
        yield Row(
            what=f"{name}, over bare Python ({duration(bare, 1)})", floor=None, runlore=taken - bare, budget=budget
        )
