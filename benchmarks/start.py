"""What a process pays before it does anything."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measure import Row, alternately, duration, emptied
from pipelines import chain

import runlore


def start(rounds: int) -> Iterator[Row]:
    """What a process pays before it does anything."""

    def python(code: str, *arguments: str) -> Callable[[], Any]:
        # an installed package has been compiled, whatever this shell says
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return lambda: subprocess.run(
            [sys.executable, "-c", code, *arguments], check=True, capture_output=True, env=env
        )

    compileall.compile_dir(Path(runlore.__file__).parent, quiet=1)
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
