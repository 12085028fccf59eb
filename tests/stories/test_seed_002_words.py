"""The table of Metaflow's words: every expression on its right side is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from runlore import get_workspace, pipeline, set_workspace, step, use_workspace
from runlore.client import Client, use_namespace

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "from-metaflow.md"
ROWS = re.findall(r"^\| (`.*`) \| (`.*`) \|$", PAGE.read_text(), re.MULTILINE)


@step
def load() -> Annotated[list[int], "numbers"]:
    return [1, 2]


@step
def train(numbers: list[int]) -> Annotated[int, "model"]:
    return sum(numbers)


@pipeline
def training() -> Any:
    return train(load())


@pytest.fixture(scope="module", autouse=True)
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNLORE_HOME", str(tmp_path_factory.mktemp("words")))
        training.with_options(trigger="data_ready")()
        yield
        set_workspace(None)


def test_the_table_is_read() -> None:
    """There are rows, each word of Metaflow once."""
    assert len(ROWS) > 30 and len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("theirs", "ours"), ROWS, ids=[row[1] for row in ROWS])
def test_a_word_is_there(theirs: str, ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the table says runs, and gives something."""
    monkeypatch.chdir(tmp_path)
    set_workspace(tmp_path / "folder", create=True)
    set_workspace(None)
    client = Client()
    task = client["training/1/load/0"]
    names = {
        "Client": Client,
        "use_namespace": use_namespace,
        "use_workspace": use_workspace,
        "set_workspace": set_workspace,
        "get_workspace": get_workspace,
        "client": client,
        "pipeline": task.pipeline,
        "run": task.run,
        "step": task.step,
        "task": task,
        "version": task["numbers"],
    }
    for expression in re.findall(r"`([^`]+)`", ours):
        eval(expression, dict(names))
    set_workspace(None)
