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
print(first.status, second.status, third.status, third.steps["scaled"].output.load())
print("10 * x" in str(third.steps["scaled"].explain()))
first
""",
]


def test_cells_define_steps_and_an_edited_helper_reruns_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a notebook run, are cached, and rerun when a helper in another cell changes; ``explain`` shows it."""
    monkeypatch.setenv("RUNLORE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNLORE_PROGRESS", "plain")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(made, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()

    outputs = made.cells[-1].outputs
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert printed.split("\n")[:2] == ["completed cached completed 30", "True"]
    shown = [output for output in outputs if output.output_type == "execute_result"]
    assert "notebook/1" in shown[0].data["text/plain"]
