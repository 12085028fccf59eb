"""``runlore run metrics`` and ``runlore run note``."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runlore import log_metric, log_metrics, pipeline, step

Invoke = Callable[..., Any]


@pytest.fixture
def invoke(cli: Callable[..., Any]) -> Invoke:
    """Call the program, which ends with the given code."""

    def call(*arguments: str, code: int = 0) -> Any:
        result = cli(*arguments)
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture
def measured(flow: Path) -> None:
    """A run with two metrics, one of them of 60 points."""

    @step
    def train() -> None:
        for epoch in range(60):
            log_metric("loss", 1 / (epoch + 1), step=epoch)
        log_metrics({"val/accuracy": float("nan")})

    @pipeline
    def training() -> None:
        train()

    training()


def test_metrics_are_listed_and_shown_with_the_run(measured: None, invoke: Invoke) -> None:
    """A run's metrics are a table of last, least, greatest and count, on their own and below the run."""
    listed = invoke("run", "metrics", "training/1")
    rows = json.loads(invoke("run", "metrics", "training/1/train", "--json").stdout)

    assert [line.split() for line in listed.stdout.splitlines()][1] == [
        "loss", "0.0166667", "0.0166667", "1", "60", "training/1/train",
    ]  # fmt: skip
    assert "loss     " in invoke("run", "show", "training/1").stdout
    assert [(row["metric"], row["last"], row["count"]) for row in rows] == [
        ("loss", 1 / 60, 60), ("val/accuracy", "nan", 1),
    ]  # fmt: skip
    shown = json.loads(invoke("run", "show", "training/1", "--json").stdout)
    assert shown["metrics"] == rows and shown["note"] is None


def test_a_series_is_printed_as_table_csv_or_json(measured: None, invoke: Invoke) -> None:
    """The table has the newest points and says how many came before; CSV and JSON have all, exactly."""
    table = invoke("run", "metrics", "training/1", "loss")
    rows = list(csv.DictReader(io.StringIO(invoke("run", "metrics", "training/1", "loss", "--csv").stdout)))
    points = json.loads(invoke("run", "metrics", "training/1/train/0", "loss", "--json").stdout)

    assert len(table.stdout.splitlines()) == 51 and "after 10 earlier ones" in table.stderr
    assert len(invoke("run", "metrics", "training/1", "loss", "--limit", "0").stdout.splitlines()) == 61
    exact = [(epoch, 1 / (epoch + 1)) for epoch in range(60)]
    assert [(int(row["step"]), float(row["value"])) for row in rows] == exact
    assert [(point["step"], point["value"]) for point in points] == exact


def test_a_limit_that_is_given_holds_for_every_form(measured: None, invoke: Invoke) -> None:
    """CSV and JSON hold every point, or the newest that --limit asks for."""
    for limit, points in (((), 60), (("--limit", "0"), 60), (("--limit", "2"), 2)):
        rows = list(csv.reader(io.StringIO(invoke("run", "metrics", "training/1", "loss", "--csv", *limit).stdout)))
        found = json.loads(invoke("run", "metrics", "training/1", "loss", "--json", *limit).stdout)
        assert len(rows) - 1 == len(found) == points
        assert int(rows[-1][0]) == found[-1]["step"] == 59


def test_metrics_that_are_not_there(measured: None, invoke: Invoke) -> None:
    """A misspelt name says what there is, and what has no metrics is told."""
    assert "Did you mean 'loss'" in invoke("run", "metrics", "training/1", "los", code=1).stderr
    assert "names a pipeline" in invoke("run", "metrics", "training", code=1).stderr
    assert "Choose --csv or --json" in invoke("run", "metrics", "training/1", "--csv", "--json", code=2).stderr


def test_a_note_is_written_shown_and_taken_away(measured: None, invoke: Invoke, tmp_path: Path) -> None:
    """A text, a file or stdin becomes the note; without any it is printed; its history stays."""
    file = tmp_path / "note.md"
    file.write_text("# From a file\n\x1b[2J *evil*\n")
    assert "has no note" in invoke("run", "note", "training/1").stderr
    invoke("run", "note", "training/1", "first")
    assert invoke("run", "note", "training/1").stdout == "first\n"
    assert "is as it was" in invoke("run", "note", "training/1", "first").stderr
    invoke("run", "note", "training/1", "-F", str(file))
    assert json.loads(invoke("run", "note", "training/1", "--json").stdout) == file.read_text()
    assert "# From a file" in invoke("run", "show", "training/1").stdout
    invoke("run", "note", "training/1", "--delete")

    history = json.loads(invoke("run", "note", "training/1", "--history", "--json").stdout)
    assert [one["text"] for one in history] == ["first", file.read_text(), None]
    assert "Give one of" in invoke("run", "note", "training/1", "x", "--delete", code=2).stderr
    assert "may have 65,536 bytes" in invoke("run", "note", "training/1", "x" * 70_000, code=1).stderr
