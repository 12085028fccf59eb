"""Metadata and tags: from where they come, what they are noted on, and which of them wins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest

from runlore import (
    ArtifactConfig,
    get_step_context,
    load_artifact,
    log_artifact_metadata,
    log_metadata,
    pipeline,
    save_artifact,
    step,
)
from runlore.author.current import use_workspace
from runlore.client import Client
from runlore.errors import ConfigurationError, NameInvalid, NotFound, StepContextError, ValueUnstorable
from runlore.settings import Settings
from runlore.workspace import Workspace


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of the test's own, in force for pipelines and `Client()`."""
    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    with use_workspace(opened):
        yield opened
        assert [finding for finding in opened.record.check() if not finding.harmless] == []
    opened.close()


def run_of(function: Callable[..., Any]) -> Any:
    """Run one step."""
    made = step(function)

    @pipeline
    def noting() -> Any:
        return made()

    return noting()


def test_all_sources_of_an_output_are_merged_and_the_later_wins() -> None:
    """Annotation, context, log_artifact_metadata and log_metadata add to one version; a later value of a key wins."""

    def train() -> Annotated[
        int, ArtifactConfig(name="model", tags=["a"], run_metadata={"from": "annotation", "annotated": 1, "x": 0})
    ]:
        context = get_step_context()
        context.add_output_metadata({"from": "context", "added": 2, "x": 1}, output_name="model")
        context.add_output_tags(["b", "a"], output_name="model")
        log_artifact_metadata({"from": "log_artifact_metadata", "logged": 3})
        log_artifact_metadata(artifact_name="model", metadata={"named": 4})
        log_metadata({"from": "log_metadata", "inferred": 5}, infer_artifact=True)
        log_metadata({"step": True})
        return 1

    run = run_of(train)
    model = run.output

    noted = {key: model.metadata[key] for key in ("from", "annotated", "added", "logged", "named", "inferred", "x")}
    assert noted == {
        "from": "log_metadata", "annotated": 1, "added": 2, "logged": 3, "named": 4, "inferred": 5, "x": 1,
    }  # fmt: skip
    assert model.tags == ("a", "b")
    assert dict(run.steps["train"].metadata) == {"step": True}
    assert [one.version for one in Client().list_artifact_versions(run_metadata=["logged:gte:3"])] == ["1"]


def test_an_own_output_is_the_version_being_made() -> None:
    """A step that notes on its own output by name means the new version, and by label the one that is there."""
    save_artifact(0, "model")

    def train() -> Annotated[int, "model"]:
        log_artifact_metadata({"new": 1}, artifact_name="model")
        log_artifact_metadata({"old": 1}, artifact_name="model", artifact_version="1")
        log_metadata({"also": 1}, artifact_name="model")
        return 1

    run_of(train)
    one, two = (dict(Client().get_artifact_version("model", label).metadata) for label in ("1", "2"))

    assert one.get("old") == 1 and "new" not in one and "also" not in one
    assert two.get("new") == two.get("also") == 1 and "old" not in two


def test_any_other_artifact_means_its_latest_version() -> None:
    """By name, the latest version is noted on, inside steps and outside; a label, an alias or an id names another."""
    first, second = save_artifact(1, "data"), save_artifact(2, "data")
    first.promote("production")

    def train() -> int:
        log_artifact_metadata({"inside": 1}, "data")
        log_metadata({"labelled": 1}, artifact_name="data", artifact_version=1)
        return 1

    run_of(train)
    log_artifact_metadata(metadata={"outside": np.float64(0.5)}, artifact_name="data")
    log_metadata({"aliased": 1}, artifact_name="data", artifact_version="production")
    log_metadata({"by_id": 1}, artifact_version_id=first.id)
    log_metadata({"by_text": 1}, artifact_version_id=str(first.id))

    assert {"inside": 1, "outside": 0.5}.items() <= dict(second.metadata).items()
    assert {"labelled": 1, "aliased": 1, "by_id": 1, "by_text": 1}.items() <= dict(first.metadata).items()


def test_runs_and_steps_are_noted_on_afterwards() -> None:
    """`run_id_name_or_prefix` and `step_name` note on what is over, by every way to name it."""

    def train() -> int:
        log_metadata({"accuracy": 0.5})
        return 1

    run = run_of(train)
    log_metadata({"reviewed": True}, run_id_name_or_prefix=run.name)
    log_metadata({"accuracy": 0.75}, run_id_name_or_prefix=str(run.id)[:8], step_name="train")

    assert run.metadata["reviewed"] is True
    assert run.steps["train"].metadata["accuracy"] == 0.75
    assert [entry.value for entry in run.steps["train"].metadata_history("accuracy")] == [0.5, 0.75]
    with pytest.raises(NotFound, match="Did you mean 'train'"):
        log_metadata({"x": 1}, run_id_name_or_prefix=run.name, step_name="trian")


def test_history_and_groups_are_kept() -> None:
    """A dict of dicts is a group that comes back as it is, and every earlier value of a key is kept with its time."""
    version = save_artifact(1, "model", metadata={"metrics": {"accuracy": 0.5}})
    log_artifact_metadata({"metrics": {"accuracy": np.float32(0.75), "at": datetime(2026, 1, 1, tzinfo=UTC)}}, "model")

    assert version.metadata["metrics"] == {"accuracy": 0.75, "at": datetime(2026, 1, 1, tzinfo=UTC)}
    history = version.metadata_history("metrics")
    assert [entry.value["accuracy"] for entry in history] == [0.5, 0.75]
    assert history[0].created <= history[1].created
    found = Client().list_artifact_versions(run_metadata=["metrics.accuracy:gt:0.6"])
    assert list(found) == [version]


@pytest.mark.parametrize(
    ("value", "kept"),
    [(np.float32(0.5), 0.5), (np.int64(3), 3), (np.bool_(True), True), (np.str_("a"), "a"), ([np.int8(1)], [1])],
)
def test_numpy_scalars_are_their_python_values(value: Any, kept: Any) -> None:
    """What numpy computes can be noted as it is, from every source, and comes back as the Python value."""

    def train() -> Annotated[int, ArtifactConfig(name="model", run_metadata={"a": value})]:
        get_step_context().add_output_metadata({"b": value})
        log_artifact_metadata({"c": value})
        log_metadata({"d": value})
        return 1

    run = run_of(train)

    found = [*(run.output.metadata[key] for key in "abc"), run.steps["train"].metadata["d"]]
    assert found == [kept] * 4 and {type(one) for one in found} == {type(kept)}


@pytest.mark.parametrize("note", [log_artifact_metadata, log_metadata])
def test_what_cannot_be_kept_is_refused_where_it_is_noted(note: Callable[..., None]) -> None:
    """A value that is not exact, or a bad key, is an error of that line, and nothing of the dict is noted."""
    version = save_artifact(1, "model")

    with pytest.raises(ValueUnstorable, match="metadata 'y' is an object"):
        note({"x": 1, "y": object()}, artifact_name="model")
    with pytest.raises(ValueUnstorable, match="Metadata is a dict"):
        note(["x"], artifact_name="model")
    with pytest.raises(NameInvalid):
        note({"": 1}, artifact_name="model")
    assert "x" not in version.metadata


def test_arguments_say_one_thing() -> None:
    """Arguments that contradict each other, or say half of a thing, are refused with what is missing."""
    version = save_artifact(1, "model")
    for more, wanted in (
        ({"artifact_name": "model", "run_id_name_or_prefix": "r"}, "one thing"),
        ({"artifact_version_id": version.id, "infer_artifact": True}, "one thing"),
        ({"step_name": "train"}, "run_id_name_or_prefix="),
        ({"artifact_version": "1"}, "needs artifact_name="),
        ({"infer_artifact": True, "artifact_version": "1"}, "leave artifact_version="),
        ({"artifact_version_id": "abc"}, "whole id"),
    ):
        with pytest.raises(ConfigurationError, match=wanted):
            log_metadata({"x": 1}, **more)
    for note in (log_artifact_metadata, log_metadata):
        with pytest.raises(StepContextError):
            note({"x": 1})
        with pytest.raises(NotFound, match="Did you mean 'model'"):
            note({"x": 1}, artifact_name="modle")


def test_several_outputs_must_be_named() -> None:
    """With more than one output, the name says which; a wrong one in the context is answered by those there are."""

    def split() -> tuple[Annotated[int, "train"], Annotated[int, "test"]]:
        with pytest.raises(StepContextError, match="'train', 'test'"):
            log_artifact_metadata({"x": 1})
        with pytest.raises(StepContextError, match="Did you mean 'train'"):
            log_metadata({"x": 1}, infer_artifact=True, artifact_name="trian")
        log_artifact_metadata({"x": 1}, "test")
        return 1, 2

    outputs = run_of(split).steps["split"].outputs

    assert outputs["test"].metadata["x"] == 1 and "x" not in outputs["train"].metadata


def test_what_tasks_of_a_mapped_step_note_is_on_their_collection() -> None:
    """Items have no version of their own, so what each task notes about an output is noted on all of it, in turn."""

    @step
    def count(x: int) -> Annotated[int, "counted"]:
        log_artifact_metadata({f"seen_{x}": True, "last": x})
        get_step_context().add_output_tags(["even" if x % 2 == 0 else "odd"])
        return x

    @pipeline
    def counting() -> Any:
        return count.map([1, 2, 3])

    counted = counting().output

    assert {"seen_1": True, "seen_2": True, "seen_3": True, "last": 3}.items() <= dict(counted.metadata).items()
    assert counted.tags == ("even", "odd")


def test_noting_on_another_version_counts_as_looking_it_up() -> None:
    """A step that notes on an artifact by name is served again only while the name means the same version."""
    save_artifact(1, "data")

    @step
    def reviewing() -> int:
        log_artifact_metadata({"reviewed": True}, "data")
        return 1

    @pipeline
    def review() -> Any:
        return reviewing()

    assert [review().status, review().status] == ["completed", "cached"]
    save_artifact(2, "data")
    assert review().status == "completed"
    assert [one.metadata["reviewed"] for one in Client().list_artifact_versions("data")] == [True, True]


@pytest.mark.parametrize(
    ("setting", "on_pipeline", "on_step", "expected"),
    [
        (True, None, None, True),
        (False, None, None, False),
        (True, False, None, False),
        (False, True, None, True),
        (True, False, True, True),
        (True, True, False, False),
    ],
)
def test_describing_can_be_switched_off(
    workspace: Workspace, setting: bool, on_pipeline: bool | None, on_step: bool | None, expected: bool
) -> None:
    """`enable_artifact_metadata` of the step wins over that of its pipeline, and that over the setting."""
    workspace.settings = workspace.settings._replace(enable_artifact_metadata=setting)

    @step(enable_artifact_metadata=on_step)
    def array() -> Annotated[np.ndarray, ArtifactConfig(name="array", run_metadata={"mine": 1})]:
        return np.zeros(3)

    @pipeline
    def inner() -> None:
        array()

    @pipeline(enable_artifact_metadata=on_pipeline)
    def outer() -> None:
        inner()

    noted = dict(outer().steps["inner.array"].output.metadata)

    assert ("shape" in noted) is expected
    assert noted["mine"] == 1 and noted["storage_size"] > 0


def test_describing_can_be_switched_off_by_configuration(tmp_path: Path) -> None:
    """A YAML file switches it for the run or for a step, and what was said can be read back."""
    (tmp_path / "run.yaml").write_text(
        "enable_artifact_metadata: false\nsteps: {b: {enable_artifact_metadata: true}}\n"
    )

    @step
    def zeros() -> np.ndarray:
        return np.zeros(2)

    @pipeline
    def configured() -> None:
        zeros(id="a")
        zeros.with_options(cache_version="b")(id="b")

    run = configured.with_options(config_path=str(tmp_path / "run.yaml"))()

    assert ["shape" in run.steps[name].output.metadata for name in "ab"] == [False, True]
    assert run.config["enable_artifact_metadata"] is False
    assert run.steps["b"].config["enable_artifact_metadata"] is True
    with pytest.raises(ConfigurationError, match="enable_artifact_metadata is True or False"):
        zeros.with_options(enable_artifact_metadata="no")


def test_what_a_step_saves_by_hand_can_be_noted_on() -> None:
    """A version saved in a step is the latest of its name from then on, also for the step itself."""

    def train() -> int:
        save_artifact("weights", "checkpoint", tags=["t"])
        log_artifact_metadata({"epoch": 3}, "checkpoint")
        return len(load_artifact("checkpoint"))

    run = run_of(train)

    assert run.steps["train"].saved_artifacts["checkpoint"].metadata["epoch"] == 3


def test_what_a_served_output_is_declared_with_anew_is_a_version_of_its_own() -> None:
    """A tag, note, kind or label that is declared since makes a version with the same value and all noted before."""

    def made(**declared: Any) -> Any:
        @step
        def fit(x: int = 1) -> Annotated[int, ArtifactConfig(name="model", **declared)]:
            log_artifact_metadata({"accuracy": 0.5, "by": "step"})
            get_step_context().add_output_tags(["noted"])
            return x

        @pipeline
        def fitting() -> Any:
            return fit()

        run = fitting()
        return run.status, run.steps["fit"].output

    def told(version: Any) -> tuple[Any, ...]:
        noted = {key: value for key, value in version.metadata.items() if key in ("accuracy", "by", "stage")}
        return version.version, set(version.tags), noted, version.artifact_type, version.load()

    noted = {"accuracy": 0.5, "by": "step"}
    assert told(made()[1]) == ("1", {"noted"}, noted, "DataArtifact", 1)
    assert told(made()[1])[0] == "1"
    for declared, expected in [
        ({"tags": ["golden"]}, ("2", {"noted", "golden"}, noted, "DataArtifact", 1)),
        ({"tags": ["golden"]}, ("2", {"noted", "golden"}, noted, "DataArtifact", 1)),
        ({"run_metadata": {"stage": 1}}, ("3", {"noted", "golden"}, {**noted, "stage": 1}, "DataArtifact", 1)),
        ({"run_metadata": {"stage": 2}}, ("4", {"noted", "golden"}, {**noted, "stage": 2}, "DataArtifact", 1)),
        ({"run_metadata": {"stage": 2}}, ("4", {"noted", "golden"}, {**noted, "stage": 2}, "DataArtifact", 1)),
        ({"is_model_artifact": True}, ("5", {"noted", "golden"}, {**noted, "stage": 2}, "ModelArtifact", 1)),
        ({"version": "release"}, ("release", {"noted"}, noted, "DataArtifact", 1)),
        ({"version": "release"}, ("release", {"noted"}, noted, "DataArtifact", 1)),
    ]:
        status, version = made(**declared)
        assert (status, told(version)) == ("cached", expected)

    found = Client().list_artifact_versions("model", run_metadata=["stage:gte:2"])
    assert [version.version for version in found] == ["5", "4"]


def test_a_step_that_notes_over_what_is_declared_is_served_as_it_was() -> None:
    """A declared note that the step notes anew stays in the key's history, so the same declaration asks for nothing."""

    @step
    def fit() -> Annotated[int, ArtifactConfig(name="model", tags=["a"], run_metadata={"x": 1})]:
        log_artifact_metadata({"x": 2})
        return 1

    @pipeline
    def fitting(quick: bool = True) -> Any:
        return fit()

    first, second = fitting(), fitting()
    Client().get_artifact_version("model").log_metadata({"x": 3})
    third = fitting()

    assert (first.status, second.status, third.status) == ("completed", "cached", "cached")
    assert {run.steps["fit"].output.version for run in (first, second, third)} == {"1"}
    assert [entry.value for entry in third.steps["fit"].output.metadata_history("x")] == [1, 2, 3]


def test_a_served_mapped_output_takes_a_label_and_tags_that_are_declared_since() -> None:
    """The collection of a mapped step that is served gets what is declared anew, and keeps what its tasks noted."""

    def made(**declared: Any) -> Any:
        @step
        def square(x: int) -> Annotated[int, ArtifactConfig(name="squares", **declared)]:
            log_artifact_metadata({"last": x})
            return x * x

        @pipeline
        def squaring() -> Any:
            return square.map([1, 2])

        run = squaring()
        return run.status, run.steps["square"].output

    made()
    for declared, label, tags in [
        ({}, "1", ()),
        ({"tags": ["a"]}, "2", ("a",)),
        ({"tags": ["a"]}, "2", ("a",)),
        ({"version": "gold"}, "gold", ()),
    ]:
        status, version = made(**declared)
        assert (status, version.version, version.tags) == ("cached", label, tags)
        assert (version.metadata["last"], version.load(), version[1].load()) == (2, [1, 4], 4)


def test_what_is_meant_wrongly_is_said() -> None:
    """Arguments in the wrong order, a step without outputs and a nameless note outside of steps are told apart."""
    raised: dict[str, str] = {}

    def note(name: str, call: Callable[[], Any]) -> None:
        with pytest.raises(StepContextError) as error:
            call()
        raised[name] = str(error.value)

    def one() -> Annotated[int, "one"]:
        note("order", lambda: get_step_context().add_output_tags("one", ["a"]))  # type: ignore[arg-type]
        return 1

    def none() -> None:
        note("none", lambda: log_artifact_metadata({"x": 1}))

    run_of(one)
    run_of(none)
    note("outside", lambda: log_artifact_metadata({"x": 1}))

    assert "['a'] is a list" in raised["order"]
    assert "returns nothing" in raised["none"] and "log_metadata(" in raised["none"]
    assert "artifact_name=" in raised["outside"]
