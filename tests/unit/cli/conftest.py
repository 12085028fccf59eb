"""The command line in this process, over a record of its own, with a script that has a pipeline."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from runlore.show.cli.main import main

SCRIPT = '''
from enum import Enum
from typing import Annotated, Literal, Optional

from runlore import pipeline, step


class Kind(Enum):
    SMALL = 1
    LARGE = 2


@step
def load(n: int) -> Annotated[list[int], "numbers"]:
    print("loading", n)
    return list(range(n))


@step
def train(data: list[int], lr: float) -> Annotated[dict[str, float], "model"]:
    if lr < 0:
        raise ValueError("lr is negative")
    return {"weight": sum(data) * lr}


@pipeline
def training(lr: float = 0.5, n: int = 3):
    """Train on numbers."""
    return train(load(n), lr)


@step
def show(values: dict) -> dict:
    return values


@pipeline
def typed(
    count: int,
    kind: Kind = Kind.SMALL,
    mode: Literal["fast", "slow"] = "fast",
    deep: bool = False,
    layers: list[int] = [1],
    note: Optional[str] = None,
    free=1.5,
    learning_rate: float = 0.1,
):
    return show(
        {
            "count": count,
            "kind": kind.name,
            "mode": mode,
            "deep": deep,
            "layers": layers,
            "note": note,
            "free": free,
            "learning_rate": learning_rate,
        }
    )
'''


@pytest.fixture
def flow(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in the working directory, whose record is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNLORE_PROGRESS", "quiet")
    # every test has its own module of the same name, as every call of the program has
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    file = tmp_path / "flow.py"
    file.write_text(SCRIPT, encoding="utf-8")
    return file


@pytest.fixture
def cli(flow: Path) -> Callable[..., Result]:
    """Call the program with these arguments, without a terminal."""

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments), prog_name="runlore")

    return call


@pytest.fixture
def terminal(flow: Path) -> Callable[..., str]:
    """Call the program on a terminal of so many columns, and return what it showed, line breaks as in a file."""
    pty = pytest.importorskip("pty")

    def call(*arguments: str, columns: int = 80, **environment: str) -> str:
        fcntl, termios = __import__("fcntl"), __import__("termios")
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        given = {**os.environ, "TERM": "xterm", **environment}
        given.pop("COLUMNS", None)
        with subprocess.Popen(
            [sys.executable, "-m", "runlore", *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=given
        ) as process:
            os.close(theirs)
            shown = b"".join(iter(lambda: _some(ours), b""))
            process.wait()
        os.close(ours)
        return shown.decode().replace("\r\n", "\n")

    return call


def _some(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux says that nobody has the other end open
        return b""


@pytest.fixture
def told(cli: Callable[..., Result]) -> Callable[..., Any]:
    """Call the program with ``--json`` and return what it printed, read back."""

    def call(*arguments: str) -> Any:
        result = cli(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return call
