"""First attempts: what somebody writes who has not read the documentation yet, and what comes of it."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from runlore import (
    Client,
    ExternalArtifact,
    get_step_context,
    load_artifact,
    log_metadata,
    pipeline,
    save_artifact,
    step,
)
from runlore.errors import NotFound, TypeMismatch, ValueUnstorable
from runlore.plan import fingerprint_values


@pytest.fixture(autouse=True)
def record(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty record."""
    monkeypatch.setenv("RUNLORE_PROGRESS", "quiet")
    return home


@step
def one() -> int:
    return 1


@step
def double(number: int) -> int:
    return 2 * number


def test_several_outputs_returned_as_a_list() -> None:
    """A list of as many values as there are outputs is taken for them, because much of the field returns lists."""

    @step
    def split(rows: int) -> tuple[Annotated[pd.DataFrame, "train"], Annotated[pd.DataFrame, "test"]]:
        return train_test_split(pd.DataFrame({"x": range(rows)}), test_size=0.25, random_state=0)  # type: ignore[no-any-return]

    @pipeline
    def splitting() -> Any:
        return split(8)

    run = splitting()

    assert {name: len(output.load()) for name, output in run.outputs.items()} == {"train": 6, "test": 2}


@pytest.mark.parametrize(("given", "said"), [([1], "a list of 1"), ([1, 2, 3], "a list of 3"), ({1, 2}, "a set")])
def test_several_outputs_of_another_count(given: Any, said: str) -> None:
    """A list of another length, and what has no order, are no outputs."""

    @step
    def split() -> tuple[int, int]:
        return given  # type: ignore[no-any-return]

    @pipeline
    def splitting() -> None:
        split()

    with pytest.raises(TypeMismatch, match=rf"tuple of 2 outputs \('output_0', 'output_1'\), and gave {said}\."):
        splitting()


def test_a_step_that_was_not_called() -> None:
    """A step handed on as such, instead of what it gives, is an error that says to call it."""

    @pipeline
    def forgetting() -> Any:
        return double(one)  # type: ignore[arg-type]

    with pytest.raises(TypeMismatch, match=r"'number': expected int, got the step 'one' itself. Call it first: one\("):
        forgetting()


def test_metadata_is_refused_where_it_is_noted() -> None:
    """Metadata that cannot be kept is an error of the line that noted it, with the step in its notes."""

    @step
    def noting() -> None:
        log_metadata({"fine": 1, "model": object()})  # this line

    @pipeline
    def trying() -> None:
        noting()

    with pytest.raises(ValueUnstorable, match="'model'") as caught:
        trying()

    lines = [frame.line or "" for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert any("# this line" in line for line in lines)
    assert any("step 'noting'" in note for note in caught.value.__notes__)


def test_metadata_that_a_step_could_do_without() -> None:
    """A step that catches the refusal goes on, and what was noted before is kept."""

    @step
    def noting() -> int:
        log_metadata({"fine": 1})
        try:
            log_metadata({"fine": 2, "model": object()})
        except ValueUnstorable:
            return 1
        return 2

    @pipeline
    def trying() -> Any:
        return noting()

    run = trying()

    assert run.output.load() == 1
    assert dict(run.steps["noting"].metadata) == {"fine": 1}


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What hooks of a test said."""
    yield []


def test_hooks_know_their_step(heard: list[str]) -> None:
    """A hook may ask for the step's context, note metadata and save artifacts, as the step itself may."""

    def told(error: BaseException) -> None:
        context = get_step_context()
        heard.append(f"{context.step_name}: {error}, in {context.pipeline_run.name}")
        log_metadata({"told": True})

    def done() -> None:
        log_metadata({"done": get_step_context().step_run.name})
        save_artifact("well done", "praise")

    @step(on_success=done)
    def works() -> int:
        return 1

    @step(on_failure=told)
    def fails(number: int) -> None:
        raise ArithmeticError("no luck")

    @pipeline
    def hooked() -> None:
        fails(works())

    with pytest.raises(ArithmeticError, match="no luck"):
        hooked()

    run = hooked.last_run
    assert heard == [f"fails: no luck, in {run.name}"]
    assert dict(run.steps["works"].metadata) == {"done": "works"}
    assert dict(run.steps["fails"].metadata) == {"told": True}
    assert load_artifact("praise") == "well done"
    assert run.steps["works"].saved_artifacts["praise"].load() == "well done"


def test_what_a_hook_looks_up_is_no_input(heard: list[str]) -> None:
    """A hook decides nothing about the result, so what it asks of the record does not keep the result from serving."""

    def done() -> None:
        heard.append(get_step_context().run_name)

    @step(on_success=done)
    def works() -> int:
        return 1

    @pipeline
    def hooked() -> None:
        works()

    assert [hooked().status, hooked().status] == ["completed", "cached"]
    assert len(heard) == 1


def test_an_external_artifact_by_a_mistyped_name() -> None:
    """An artifact or version that is not there is answered by those that are."""
    save_artifact(1, "model", version="first")
    save_artifact(2, "data")

    @pipeline
    def using(name: str, version: str | None = None) -> Any:
        return double(ExternalArtifact(name=name, version=version))  # type: ignore[arg-type]

    with pytest.raises(NotFound, match=r"'number': there is no artifact 'modle' on record. Did you mean 'model'\?"):
        using("modle")
    with pytest.raises(NotFound, match=r"no version 'frist' of artifact 'model' on record. Did you mean 'first'\?"):
        using("model", "frist")
    assert len(Client().runs()) == 0


def test_a_table_of_runs_has_what_their_steps_noted() -> None:
    """A row has the notes of the run's steps, of several the last step's, and the run's own before those."""

    @step
    def train(lr: float) -> float:
        log_metadata({"accuracy": 1 - lr, "loss": lr})
        return lr

    @step
    def test(lr: float) -> None:
        log_metadata({"accuracy": 0.5 - lr})

    @pipeline
    def trying(lr: float) -> None:
        test(train(lr))

    trying(0.25)
    trying(0.125).log_metadata({"loss": 7})
    table = Client().runs("trying").to_frame()

    assert table["parameters.lr"].tolist() == [0.125, 0.25]
    assert table["metadata.accuracy"].tolist() == [0.375, 0.25]
    assert table["metadata.loss"].tolist() == [7, 0.25]


def test_large_data_of_a_module_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large frame that a step reaches as a global, and that every run hashes, a warning says what to do."""
    monkeypatch.setattr(fingerprint_values, "LARGE", 1000)
    table = pd.DataFrame({"x": np.arange(1000.0)})

    @step
    def mean() -> float:
        return float(table.x.mean())

    @pipeline
    def averaging() -> None:
        mean()

    with pytest.warns(UserWarning, match="reaches .*table.* 8,000 bytes.* every run.* output of a step"):
        averaging()


def test_tags_of_a_step() -> None:
    """Tags that a step is declared with are found on it, in a run that computes as in one that is cached."""

    @step(tags=["slow"])
    def tagged() -> int:
        return 1

    @pipeline(tags=["nightly"])
    def tagging() -> None:
        tagged.with_options(tags=["gpu"])()

    for run in (tagging(), tagging()):
        assert set(run.steps["tagged"].tags) == {"slow", "gpu"}
        assert run.tags == ("nightly",)


def test_finished_items_say_how_long_they_took(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Progress names the time of each item of a mapped step that ran, and none for one from the cache."""
    monkeypatch.setenv("RUNLORE_PROGRESS", "plain")

    @pipeline
    def mapping() -> Any:
        return double.map([1, 2])

    mapping()
    assert len(re.findall(r"^double/[01]  completed  \d+ ms$", capsys.readouterr().err, re.MULTILINE)) == 2
    mapping()
    assert len(re.findall(r"^double/[01]  cached$", capsys.readouterr().err, re.MULTILINE)) == 2


def test_plans_and_explanations_show_themselves() -> None:
    """At a prompt and in a notebook, a plan and an explanation read as they do when printed."""

    @pipeline
    def simple() -> Any:
        return double(one())

    plan = simple.plan()
    explanation = simple().steps["double"].explain()

    assert repr(plan) == str(plan) and "one" in repr(plan)
    assert repr(explanation) == str(explanation) and "no earlier run" in repr(explanation)
