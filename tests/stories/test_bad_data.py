"""A value turns out to be wrong: what came of it is found across pipelines, and runs before and after are compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest

from runlore import load_artifact, pipeline, save_artifact, step, unmapped
from runlore.author.current import use_workspace
from runlore.client import Client
from runlore.settings import Settings
from runlore.workspace import Workspace


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of the test's own, in force for pipelines and clients."""
    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    with use_workspace(opened):
        yield opened
    opened.close()


@step
def clean(rows: list[int]) -> Annotated[list[int], "clean"]:
    return [row for row in rows if row >= 0]


@step
def train(data: list[int], scale: int) -> Annotated[int, "model"]:
    return sum(data) * scale


@step
def pick(models: list[int]) -> Annotated[int, "best"]:
    return max(models)


@step
def answer() -> Annotated[int, "answer"]:
    return int(load_artifact("best"))


@pipeline
def training() -> None:
    data = clean(Client().get_artifact_version("rows"))
    pick(train.map(unmapped(data), scale=[1, 2, 3]))


@pipeline
def serving() -> None:
    answer()


def test_everything_that_came_of_a_wrong_value_is_found() -> None:
    """Down from the wrong version stand the steps and versions of every pipeline it went into, and nothing else."""
    for rows in ([1, 2], [3, 4]):
        save_artifact(rows, "rows")
        training()
        serving()
    wrong = Client().get_artifact_version("rows", "1")

    reached = wrong.lineage("down")

    assert {version.pathspec for version in wrong.downstream()} == {
        "artifact:clean@1",
        "artifact:model@1",
        "artifact:best@1",
        "artifact:answer@1",
    }
    assert {step.pathspec for step in reached.steps} == {
        "training/1/clean",
        "training/1/train",
        "training/1/pick",
        "serving/1/answer",
    }
    assert wrong in Client().get_artifact_version("answer", "1").upstream()
    assert wrong not in Client().get_artifact_version("answer", "2").upstream()
    first, second = reversed(Client().runs("training")[:2])
    found = first.diff(second)
    assert [row.name for row in found.inputs.changed] == ["clean.rows", "train.data", "pick.models"]
    assert not found.parameters.changed and found.code == ()
