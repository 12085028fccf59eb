"""Tables of runs, steps, versions and points, in pandas and polars, and the summary of a run."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import polars as pl
import pytest

from runlore import log_metadata, log_metric, pipeline, step
from runlore.author.current import use_workspace
from runlore.errors import MissingExtra, QueryInvalid
from runlore.recall.frame import frame_of_rows
from runlore.settings import Settings
from runlore.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A record with two runs of a training: one computed, the other with another rate and more noted."""
    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    with use_workspace(opened):

        @step
        def load(rows: int) -> Annotated[list[int], "numbers"]:
            log_metric("rows", rows)
            return list(range(rows))

        @step
        def train(numbers: list[int], lr: float) -> Annotated[float, "model"]:
            for epoch in range(3):
                log_metric("loss", lr / (epoch + 1), step=epoch)
            if lr > 0.3:
                log_metadata({"layers": 2, "kind": "deep"})
            return lr

        @pipeline
        def training(lr: float = 0.5, rows: int = 3) -> Any:
            return train(load(rows), lr)

        training(lr=0.25)
        run = training()
        run.log_metadata({"kind": "best"})
        run.add_tags("good", "kept")
        yield opened
    opened.close()


def test_a_row_tells_all_of_a_run(workspace: Workspace) -> None:
    """Facts, tags, parameters, metadata and last values of metrics stand in columns of types that fit."""
    frame = workspace.client.runs("training").to_frame()

    assert list(frame["number"]) == [2, 1] and list(frame["parameters.lr"]) == [0.5, 0.25]
    assert list(frame["metrics.loss"]) == [0.5 / 3, 0.25 / 3] and list(frame["metrics.rows"]) == [3, 3]
    assert frame["metadata.kind"][0] == "best" and frame["metadata.kind"].isna().tolist() == [False, True]
    assert list(frame["tags"]) == [["good", "kept"], []]
    assert str(frame.dtypes["metadata.layers"]) == "Int64" and frame["metadata.layers"].tolist() == [2, pd.NA]
    assert frame.dtypes["number"] == "int64" and frame.dtypes["metrics.loss"] == "float64"
    assert str(frame["created"].dt.tz) == "UTC"
    assert frame["created"][0].to_pydatetime() == workspace.client.get("training/2").created


def test_polars_gives_the_same_table(workspace: Workspace) -> None:
    """The table in polars has the same columns and values, whole numbers whole and times aware."""
    runs = workspace.client.runs("training")
    frame = runs.to_frame("polars")

    assert isinstance(frame, pl.DataFrame) and frame.columns == list(runs.to_frame().columns)
    assert frame.schema["created"] == pl.Datetime("us", "UTC") and frame.schema["metadata.layers"] == pl.Int64
    assert frame["metadata.layers"].to_list() == [2, None] and frame["tags"].to_list() == [["good", "kept"], []]
    assert frame["metrics.loss"].to_list() == [0.5 / 3, 0.25 / 3]
    assert runs[0].to_row() == {key: value for key, value in frame.to_dicts()[0].items() if value is not None}


def test_a_table_is_read_page_by_page(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many runs a table has, some hundreds of them cost a few statements together."""
    asked: list[str] = []
    connection = workspace.record._db  # type: ignore[attr-defined]
    rows = connection.rows

    def counting(statement: str, parameters: Any = ()) -> Any:
        asked.append(statement)
        return rows(statement, parameters)

    monkeypatch.setattr(connection, "rows", counting)
    small = len(asked), len(workspace.client.runs("training").to_frame())
    before = len(asked)
    with workspace.record.batch():
        template = workspace.record.run(1)
        from runlore.testing.record_stories import END, begun

        for _ in range(60):
            _, fence = begun(workspace.record, pipeline=template.pipeline, parameters='{"lr":0.1}')
            workspace.record.commit([END], fence=fence)
    after_filling = len(asked)
    large = workspace.client.runs("training").to_frame()

    assert small[1] == 2 and len(large) == 62
    assert len(asked) - after_filling <= before + 4


def test_steps_and_versions_have_tables_too(workspace: Workspace) -> None:
    """A run's steps and a list of versions are tables with what is noted on each."""
    run = workspace.client.get("training/2")
    model = run.steps["train"].output
    model.log_metadata({"checked": True})
    model.add_tags("reviewed")
    steps, versions = run.steps.to_frame(), workspace.client.list_artifact_versions().to_frame()

    assert list(steps["name"]) == ["load", "train"] and steps["metadata.layers"].tolist() == [pd.NA, 2]
    assert steps["metrics.loss"][1] == 0.5 / 3 and steps["parameters.lr"][1] == 0.5
    row = versions[versions["id"] == str(model.id)].iloc[0]
    assert bool(row["metadata.checked"]) is True and row["tags"] == ["reviewed"] and row["artifact"] == model.name
    assert run.steps.to_frame("polars").height == 2


def test_a_series_is_a_table_of_points(workspace: Workspace) -> None:
    """A frame of a series has its steps, values and aware times."""
    loss = workspace.client.get("training/1").metrics["loss"]
    frame, other = loss.to_frame(), loss.to_frame("polars")

    assert frame["value"].tolist() == loss.values == other["value"].to_list()
    assert frame["step"].tolist() == [0, 1, 2] and list(frame["time"].dt.to_pydatetime()) == loss.times
    assert other["time"].to_list() == loss.times and other["time"][0].tzinfo is not None and UTC


def test_values_that_fit_no_column_stay_what_they_are() -> None:
    """Mixed values, large numbers and nothing at all are objects, and empty tables have no columns."""
    rows = [
        {"mixed": 1, "large": 2**70, "none": None, "some": 1},
        {"mixed": "a", "large": 1, "some": 0.5},
        {"new": True},
    ]
    frame = frame_of_rows(rows)

    assert frame["mixed"].tolist() == [1, "a", None] and frame["large"].tolist() == [2**70, 1, None]
    assert frame["some"].tolist()[:2] == [1.0, 0.5] and frame["new"].tolist() == [pd.NA, pd.NA, True]
    assert frame_of_rows(rows, "polars")["large"].to_list() == [2**70, 1, None]
    assert frame_of_rows([]).shape == (0, 0) and frame_of_rows([], "polars").shape == (0, 0)


def test_an_unknown_or_absent_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another library is refused, with those that there are; one that is not installed names the command."""
    with pytest.raises(QueryInvalid, match="not 'panda'. Did you mean 'pandas'"):
        frame_of_rows([], "panda")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"needs pandas: pip install 'runlore\[pandas\]', or polars"):
        frame_of_rows([])


def test_a_summary_is_plain(workspace: Workspace) -> None:
    """The summary of a run is what json takes, and tells what happened."""
    run = workspace.client.get("training/2")
    run.note = "*best*"
    summary = run.summary()

    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert (summary["run"], summary["status"], summary["note"]) == ("training/2", "completed", "*best*")
    assert summary["parameters"] == {"lr": 0.5, "rows": 3} and summary["tags"] == ["good", "kept"]
    assert summary["metrics"]["loss"] == {
        "last": 0.5 / 3, "min": 0.5 / 3, "max": 0.5, "count": 3, "of": "training/2/train",
    }  # fmt: skip
    assert summary["metadata"] == {"layers": 2, "kind": "best"}
    assert [(one["step"], one["cached"]) for one in summary["steps"]] == [("load", True), ("train", False)]
    assert summary["steps"][1]["metadata"] == {"layers": 2, "kind": "deep"}
    assert summary["outputs"]["model"]["digest"] == run.output.digest
    assert summary["environment"]["packages"] > 0 and summary["code"]["pipeline_version"] == 1
