"""The table of Metaflow's words: every expression on its right side is evaluated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from runlore import pipeline, step
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
        training()
        yield


def test_the_table_is_read() -> None:
    """There are rows, each word of Metaflow once."""
    assert len(ROWS) > 30 and len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("theirs", "ours"), ROWS, ids=[row[1] for row in ROWS])
def test_a_word_is_there(theirs: str, ours: str) -> None:
    """What the table says runs, and gives something."""
    client = Client()
    task = client["training/1/load/0"]
    names = {
        "Client": Client,
        "use_namespace": use_namespace,
        "client": client,
        "pipeline": task.pipeline,
        "run": task.run,
        "step": task.step,
        "task": task,
        "version": task["numbers"],
    }
    for expression in re.findall(r"`([^`]+)`", ours):
        eval(expression, dict(names))
