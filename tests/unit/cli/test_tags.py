"""``runlore run tag`` and its kin, and ``--namespace``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from runlore import pipeline, save_artifact, step
from runlore.client import Client

Cli = Callable[..., Result]
Told = Callable[..., Any]


@step
def load() -> int:
    return 1


@pipeline(tags=["nightly"])
def training() -> None:
    load()


@pytest.fixture(autouse=True)
def runs(home: Path) -> None:
    """Two runs with a tag, and a saved model."""
    training()
    training()
    save_artifact(1, "model")


def tags_of(rows: list[dict[str, str]], by: str = "people") -> list[str]:
    return [row["tag"] for row in rows if row["given_by"] == by]


def test_tags_of_a_run_are_shown_and_changed(cli: Cli, told: Told) -> None:
    """What is removed and added is done at once, and who gave which tag is said."""
    rows = told("run", "tag", "training/1", "--remove", "nightly", "--add", "prod", "--add", "good")

    assert tags_of(rows) == ["good", "prod"] and list(Client()["training/1"].tags) == ["good", "prod"]
    assert "pipeline:training" in tags_of(rows, "runlore")
    assert told("run", "tag", "training/1") == rows
    header, *lines = cli("run", "tag", "training/1").stdout.splitlines()
    assert header.split() == ["TAG", "GIVEN", "BY"]
    assert len(lines) == len(rows)
    assert tags_of(told("run", "tag", "training/2")) == ["nightly"]


def test_whatever_bears_tags_is_tagged(cli: Cli, told: Told) -> None:
    """Pipelines, steps, artifacts and versions have the same command; an artifact's name alone means the series."""
    assert tags_of(told("pipeline", "tag", "training", "--add", "team")) == ["team"]
    assert tags_of(told("step", "tag", "training/1/load", "--add", "slow")) == ["slow"]
    assert tags_of(told("artifact", "tag", "model", "--add", "series")) == ["series"]
    assert tags_of(told("artifact", "tag", "model@1", "--add", "first")) == ["first"]

    client = Client()
    assert (client["training"].tags, client["training/1/load"].tags) == (("team",), ("slow",))
    assert (client["artifact:model"].tags, client["artifact:model@1"].tags) == (("series",), ("first",))
    assert "It has no tags" in cli("pipeline", "tag", "training", "--remove", "team").stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "tag", "training/1", "--add", "x", "--remove", "pipeline:training"), "was given by runlore"),
        (("run", "tag", "training/1", "--add", "x", "--add", " "), "A tag name may not be empty"),
        (("run", "tag", "training", "--add", "x"), "names a pipeline, not a run"),
        (("step", "tag", "training/1", "--add", "x"), "names a run, not a step"),
        (("step", "tag", "training/1/load/0", "--add", "x"), "names a task, not a step"),
        (("artifact", "tag", "training/1", "--add", "x"), "names a run, not an artifact or a version"),
        (("artifact", "tag", "modle", "--add", "x"), "Did you mean 'model'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_meant_is_one_line(cli: Cli, words: tuple[str, ...], says: str) -> None:
    """An error says what was wrong, exits with 1, and changes nothing."""
    failed = cli(*words)

    assert failed.exit_code == 1 and says in failed.stderr and "Traceback" not in failed.stderr
    assert Client()["training/1"].tags == ("nightly",)


def test_a_namespace_is_looked_through(cli: Cli, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """--namespace goes before RUNLORE_NAMESPACE, and '' is everything."""
    told("run", "tag", "training/1", "--add", "user:guest")

    assert [row["number"] for row in told("--namespace", "user:guest", "run", "list")] == [1]
    assert told("--namespace", "nobody", "pipeline", "list") == []
    outside = cli("--namespace", "user:guest", "run", "show", "training/2")
    assert outside.exit_code == 1 and "in the namespace 'user:guest'" in outside.stderr
    assert len(told("run", "list")) == 2
    assert "may not be empty" in cli("--namespace", " ", "run", "list").stderr
    monkeypatch.setenv("RUNLORE_NAMESPACE", "user:guest")
    assert [row["number"] for row in told("run", "list")] == [1]
    assert len(told("--namespace", "", "run", "list")) == 2
