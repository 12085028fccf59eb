"""Ctrl-C at every line of the engine and of the record's connection."""

from __future__ import annotations

import linecache
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runlore import pipeline, step
from runlore.author.current import use_workspace
from runlore.settings import Settings
from runlore.workspace import Workspace

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

#: Whose lines are interrupted. Those after which a run has its end, or does not exist yet, count as well.
FILES = ("execute/run.py", "execute/ledger.py", "execute/engine.py", "execute/mapping.py", "sql/connection.py")
#: Lines between two interrupts.
EVERYDAY, THOROUGH = 97, 3


@step
def one(seed: int) -> int:
    return seed


@step
def two(x: int) -> int:
    print(x)
    return x + 1


@step
def double(x: int) -> int:
    return 2 * x


@step
def total(xs: list[int]) -> int:
    return sum(xs)


@pipeline
def interrupted(seed: int) -> None:
    two(one(seed)).load()
    total(double.map([1, 2, 3]))


class Interrupts:
    """Counts the lines that a run passes, and raises at one of them.

    A ``with`` line comes once more when its block is left. There the interpreter goes to the manager of the block and
    looks for no signal, so that no Ctrl-C can come between; raised from here, it would leave a lock held for ever.
    """

    def __init__(self, point: int | None) -> None:
        self.passed = 0
        self.point = point
        self.where = ""
        #: Frames, with the ``with`` lines that each has entered.
        self.entered: set[tuple[Any, int]] = set()

    def __call__(self, frame: Any, event: str, argument: object) -> Any:
        return self.line if frame.f_code.co_filename.endswith(FILES) else None

    def line(self, frame: Any, event: str, argument: object) -> Any:
        if event == "line" and not self._leaves_block(frame):
            self.passed += 1
            if self.passed == self.point:
                self.where = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
                sys.settrace(None)
                raise KeyboardInterrupt
        return self.line

    def _leaves_block(self, frame: Any) -> bool:
        if not linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with "):
            return False
        place = (frame, frame.f_lineno)
        left = place in self.entered
        self.entered.add(place)
        return left


def settings(home: Path) -> Settings:
    return Settings(home=home, user_folder=home / "user", progress="quiet", capture_code=False)


def interrupt(home: Path, point: int | None) -> Iterator[str]:
    """Run the pipeline, interrupted at a point; tell what is wrong afterwards, or how many points there are."""
    lines = Interrupts(point)
    raised: BaseException | None = None
    workspace = Workspace.open(settings(home))
    with use_workspace(workspace):
        sys.settrace(lines)
        try:
            interrupted(seed=7)
        except BaseException as error:
            raised = error
        finally:
            sys.settrace(None)
        if point is None:
            workspace.close()
            yield str(lines.passed)
            return
        if not lines.where:  # chance has it that this run was shorter than the one that was measured
            return
        if not isinstance(raised, KeyboardInterrupt):
            yield f"raised {raised!r}"
        # what nobody owns any more is found by the next one who looks
        Workspace.open(settings(home)).close()
        for run in workspace.client.list_pipeline_runs():
            if run.status not in ("completed", "cancelled", "interrupted"):
                yield f"the run is {run.status}"
            yield from (f"step {name} is {one.status}" for name, one in run.steps.items() if not one.status.finished)
        yield from (f"check: {finding}" for finding in workspace.record.check() if not finding.harmless)
        run = interrupted(seed=7)
        if run.steps["total"].output.load() != 12:
            yield "the next run is wrong"


def in_a_child(work: Callable[[], Iterator[str]]) -> list[str]:
    """What ``work`` yields in a forked child."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            said = "\n".join(work())
        except BaseException:
            said = traceback.format_exc()
        os.write(writer, said.encode()[:60_000])
        os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as file:
        said = file.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return [*said.splitlines(), *([f"ended with {status}"] if status else [])]


@pytest.mark.parametrize("stride", [EVERYDAY, pytest.param(THOROUGH, marks=pytest.mark.slow)])
def test_ctrl_c_at_any_line_leaves_a_true_record_and_a_usable_process(tmp_path: Path, stride: int) -> None:
    """Wherever `KeyboardInterrupt` comes, it reaches the caller, the run has an end, and the next run works."""
    first = tmp_path / "first"
    Workspace.open(settings(first)).close()
    shutil.copytree(first, tmp_path / "trial")
    points = int(next(interrupt(tmp_path / "trial", None)))  # here, so that the children have imported everything
    assert points > 500

    wrong = {}
    for point in range(1, points + 1, stride):
        home = tmp_path / "home"
        shutil.copytree(first, home)
        found = in_a_child(lambda home=home, point=point: interrupt(home, point))  # type: ignore[misc]
        if found:
            wrong[point] = found
        shutil.rmtree(home)
    assert not wrong, "\n".join(f"{point}: {said}" for point, found in wrong.items() for said in found)
