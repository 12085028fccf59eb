"""A data scientist works in a notebook: cells define steps, run them, and are edited."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.filterwarnings("ignore")

CELLS = [
    """
from runlore import pipeline, step

def scale(x):
    return 2 * x

@step
def scaled(x: int) -> int:
    return scale(x)

@pipeline
def notebook(x: int = 3):
    return scaled(x)

first = notebook()
second = notebook()
""",
    """
def scale(x):
    return 10 * x

third = notebook()
""",
    """
from IPython.display import display

display(first.pipeline, first.pipeline.runs, first.steps, first.steps["scaled"], first.parameters, first.code)
""",
    """
print(first.status, second.status, third.status, third.steps["scaled"].output.load())
print("10 * x" in str(third.steps["scaled"].explain()))
first
""",
    """
output = third.steps["scaled"].output
print(output.visualize())
output
""",
]


WORK = [
    """
import os, signal, threading, time
from typing import Annotated
import pandas as pd
from runlore import pipeline, step
from runlore.client import Client

table = pd.DataFrame({"x": range(5)})
""",
    """
@step
def large() -> Annotated[pd.DataFrame, "large"]:
    return table[table.x > 2]

@step
def count(rows: pd.DataFrame) -> Annotated[int, "count"]:
    return len(rows)

@pipeline
def counting():
    return count(large())

first = counting()
""",
    """
table = table.assign(x=table.x + 1)
second = counting()
""",
    """
@step
def count(rows: pd.DataFrame) -> Annotated[int, "count"]:
    return 10 * len(rows)

third = counting()
""",
    """
@step
def broken(rows: int) -> float:
    return 1 / (rows - rows)

@pipeline
def breaking():
    return broken(count(large()))

breaking()
""",
    """
@step(enable_cache=False)
def endless() -> int:
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(60)
    return 1

@pipeline
def stopping():
    return endless()

stopping()
""",
    """
print([run.output.load() for run in (first, second, third)])
print([[step.status.value for step in run.steps.values()] for run in (first, second, third)])
print("constant __main__.table" in str(second.steps["large"].explain()))
print([Client().get_pipeline(name).last_run.status.value for name in ("breaking", "stopping")])
third.steps["count"].explain()
""",
]


def test_work_in_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of one cell counts in a step of another, a step may be redefined, and errors and Ctrl-C end a cell."""
    monkeypatch.setenv("RUNLORE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNLORE_PROGRESS", "plain")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in WORK])
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(made, timeout=60, kernel_name="python3", resources=where, allow_errors=True).execute()

    errors = [[output.ename for output in cell.outputs if output.output_type == "error"] for cell in made.cells]
    assert errors == [[], [], [], [], ["ZeroDivisionError"], ["KeyboardInterrupt"], []]
    printed = "".join(o.text for o in made.cells[-1].outputs if o.output_type == "stream" and o.name == "stdout")
    assert printed.splitlines() == [
        "[2, 3, 30]",
        "[['completed', 'completed'], ['completed', 'completed'], ['cached', 'completed']]",
        "True",
        "['failed', 'cancelled']",
    ]
    (shown,) = (o.data["text/plain"] for o in made.cells[-1].outputs if o.output_type == "execute_result")
    assert "return 10 * len(rows)" in shown


def test_cells_define_steps_and_an_edited_helper_reruns_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a notebook run, are cached, and rerun when a helper in another cell changes; ``explain`` shows it."""
    monkeypatch.setenv("RUNLORE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNLORE_PROGRESS", "plain")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(made, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()

    outputs = made.cells[-2].outputs
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert printed.split("\n")[:2] == ["completed cached completed 30", "True"]
    shown = [output for output in outputs if output.output_type == "execute_result"]
    assert "notebook/1" in shown[0].data["text/plain"]
    assert [output.text for output in made.cells[-1].outputs if output.output_type == "stream"] == ["None\n"]
    picture, handle = (output.data["text/html"] for output in made.cells[-1].outputs if output.output_type != "stream")
    assert "<pre>30</pre>" in picture and "artifact:" in picture and "<script" not in picture
    assert "builtins.int" in handle and "notebook/3/scaled" in handle and "<script" not in handle
    shown = [output.data["text/html"] for output in made.cells[2].outputs if output.output_type == "display_data"]
    assert len(shown) == 6 and not [one for one in shown if "<script" in one or "<style" in one or " id=" in one]
    for one, words in zip(
        shown, ("3 runs", "notebook/3", "scaled", "notebook::scaled::output", "3", "cell"), strict=True
    ):
        assert words in one
    (run,) = (o.data["text/html"] for o in made.cells[-2].outputs if o.output_type == "execute_result")
    assert "<svg" in run and "scaled: completed" in run and "x = 3" in run
