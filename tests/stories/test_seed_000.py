"""Fetching runs after execution: what users of ZenML's guide of that name write, with its import line changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest

from runlore import get_step_context, pipeline, step
from runlore.client import Client


class SVC:
    """Stands in for a trained model; what only pickle can store."""

    def __init__(self, gamma: float) -> None:
        self.gamma = gamma

    def predict(self, numbers: list[float]) -> list[int]:
        return [int(number > self.gamma) for number in numbers]


@step
def first_step(rows: int = 4) -> Annotated[np.ndarray, "output_name"]:
    return np.arange(rows, dtype=np.float64)


@step(settings={"docker": {"requirements": ["scikit-learn"]}})
def svc_trainer(data: np.ndarray, gamma: float = 0.5) -> SVC:
    return SVC(gamma + float(data.sum()) * 0)


@pipeline(settings={"docker": {"build": False}})
def first_pipeline(gamma: float = 0.5) -> None:
    svc_trainer(first_step(), gamma=gamma)


@step
def may_fail(fail: bool) -> int:
    if fail:
        raise ArithmeticError("as asked for")
    return 1


@pipeline
def unsteady(fail: bool = False) -> None:
    may_fail(fail)


def command(*arguments: str) -> str:
    """What the command line prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", "from runlore.show.cli.main import main; main()", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def record(home: Path) -> Path:
    """Every story begins with an empty record."""
    return home


def test_pipeline_from_its_declaration() -> None:
    """After a run, the pipeline's `model` tells its name and version."""
    first_pipeline()

    pipeline_model = first_pipeline.model
    name = pipeline_model.name
    version = pipeline_model.version

    assert name == "first_pipeline"
    assert str(version) == "1"


def test_pipeline_by_name() -> None:
    """The client finds a pipeline without its declaration."""
    first_pipeline()

    pipeline_model = Client().get_pipeline("first_pipeline")

    assert pipeline_model.name == "first_pipeline"


def test_list_of_pipelines() -> None:
    """Every pipeline that ran is listed, in Python and in the shell."""
    first_pipeline()
    unsteady()

    pipelines = Client().list_pipelines()

    assert {found.name for found in pipelines} == {"first_pipeline", "unsteady"}
    printed = command("pipeline", "list")
    assert "first_pipeline" in printed and "unsteady" in printed


def test_runs_newest_first() -> None:
    """`runs` holds all runs of a pipeline, the newest first, and so does `get_runs`."""
    names = [first_pipeline(gamma=gamma).name for gamma in (0.1, 0.2, 0.3)]
    pipeline_model = first_pipeline.model

    runs = pipeline_model.runs

    assert [run.name for run in runs] == names[::-1]
    assert [run.name for run in pipeline_model.get_runs()] == names[::-1]
    assert pipeline_model.last_run.name == pipeline_model.runs[0].name == names[-1]


def test_last_successful_run_looks_past_failures() -> None:
    """`last_run` is the newest whatever became of it; `last_successful_run` the newest that has results."""
    good = unsteady()
    with pytest.raises(ArithmeticError, match="as asked for"):
        unsteady(fail=True)
    pipeline_model = unsteady.model

    last_run = pipeline_model.last_run

    assert last_run.status == "failed"
    assert pipeline_model.last_successful_run.id == good.id


def test_run_by_name_id_and_prefix() -> None:
    """A run is found by its name, by its id, and by the beginning of either."""
    made = first_pipeline()

    pipeline_run = Client().get_pipeline_run(made.name)

    assert pipeline_run.id == made.id
    assert Client().get_pipeline_run(str(made.id)).name == made.name
    assert Client().get_pipeline_run(str(made.id)[:8]).name == made.name
    assert Client().get_pipeline_run(made.name[:-2]).name == made.name


def test_list_of_runs() -> None:
    """Runs are listed by the client and by `pipeline runs list`."""
    first, second = first_pipeline(), unsteady()

    assert {run.name for run in Client().list_pipeline_runs()} == {first.name, second.name}
    listed = json.dumps(json.loads(command("pipeline", "runs", "list", "--json")))
    assert first.name in listed and second.name in listed


def test_status() -> None:
    """A run is completed, then cached, and reads so as a string."""
    first, second = first_pipeline(), first_pipeline()

    assert first.status == "completed"
    assert second.status == "cached"


def test_configuration() -> None:
    """`run.config` carries the pipeline's settings as they were given."""
    run = first_pipeline()

    pipeline_config = run.config
    pipeline_settings = run.config.settings

    assert pipeline_config.parameters == {"gamma": 0.5}
    assert pipeline_settings == {"docker": {"build": False}}


def test_component_metadata() -> None:
    """What a remote orchestrator would have noted is looked up like in a dictionary."""
    run = first_pipeline()

    run_metadata = run.metadata

    assert "orchestrator_url" not in run_metadata
    with pytest.raises(KeyError):
        run_metadata["orchestrator_url"]


def test_steps() -> None:
    """Steps are known by invocation id, in the order they were declared."""
    run = first_pipeline()

    steps = run.steps
    step = run.steps["first_step"]

    assert list(steps) == ["first_step", "svc_trainer"]
    assert step.name == "first_step"
    assert step.status == "completed"


def test_step_information() -> None:
    """A step tells its parameters, settings and metadata."""
    run = first_pipeline(gamma=0.75)
    step = run.steps["svc_trainer"]

    assert step.config.parameters == {"gamma": 0.75}
    assert step.config.settings == {"docker": {"requirements": ["scikit-learn"]}}
    assert dict(step.metadata) == {}


def test_outputs_and_inputs() -> None:
    """Outputs and inputs are found by name; the only one has a short cut."""
    run = first_pipeline()
    step = run.steps["first_step"]

    output = step.outputs["output_name"]
    only = step.output
    given = run.steps["svc_trainer"].inputs["data"]

    assert output == only == given == run.steps["svc_trainer"].input
    assert output.load().tolist() == [0.0, 1.0, 2.0, 3.0]


def test_artifact_metadata() -> None:
    """An array's size, shape and type are noted by themselves."""
    output = first_pipeline().steps["first_step"].output

    output_metadata = output.run_metadata
    storage_size_in_bytes = output_metadata["storage_size"].value

    assert storage_size_in_bytes >= 32
    assert tuple(output_metadata["shape"].value) == (4,)
    assert output_metadata["dtype"].value == "float64"


def test_model_of_the_last_run() -> None:
    """The trained model comes back, by the client or by the declaration."""
    first_pipeline(gamma=1.5)

    pipeline = Client().get_pipeline("first_pipeline")
    last_run = pipeline.last_run
    trainer_step = last_run.steps["svc_trainer"]
    model = trainer_step.output.load()

    last_run = first_pipeline.model.last_run
    trainer_step = last_run.steps["svc_trainer"]
    again = trainer_step.output.load()
    assert model.predict([1.0, 2.0]) == again.predict([1.0, 2.0]) == [0, 1]


def test_runs_within_runs() -> None:
    """A running step finds its own run, and the one before it."""
    seen: list[tuple[str, str]] = []

    @step(enable_cache=False)
    def my_step() -> int:
        # Get the name of the current pipeline run
        current_run_name = get_step_context().pipeline_run.name

        # Fetch the current pipeline run
        current_run = Client().get_pipeline_run(current_run_name)

        if len(current_run.pipeline.runs) > 1:
            # Fetch the previous run of the same pipeline
            previous_run = current_run.pipeline.runs[1]  # index 0 is the current run
            seen.append((current_run.name, previous_run.name))
        return 1

    @pipeline
    def looking_back() -> None:
        my_step()

    first, second = looking_back(), looking_back()

    assert seen == [(second.name, first.name)]


def test_pictures_of_an_output() -> None:
    """An output is drawn from where it was found."""
    output = first_pipeline().steps["first_step"].output

    shown = Path(str(output.visualize())).read_text(encoding="utf-8")

    assert "first_pipeline" in shown or "output_name" in shown


def test_runs_by_filters_and_pages() -> None:
    """`get_runs` takes what the client's list takes: conditions, an order, pages."""
    for gamma in (0.1, 0.2, 0.3):
        first_pipeline(gamma=gamma)
    with pytest.raises(ArithmeticError):
        unsteady(fail=True)
    pipeline_model = Client().get_pipeline("first_pipeline")

    assert [run.number for run in pipeline_model.get_runs(size=2)] == [3, 2]
    assert [run.number for run in pipeline_model.get_runs(page=2, size=2)] == [1]
    assert [run.number for run in pipeline_model.get_runs(sort_by="asc:created")] == [1, 2, 3]
    assert [run.config.parameters["gamma"] for run in pipeline_model.get_runs(parameters={"gamma": 0.2})] == [0.2]
    assert not pipeline_model.get_runs(status="failed")
    assert [run.number for run in Client().list_pipeline_runs(pipeline_name="unsteady", status="failed")] == [1]


def test_lists_read_as_lists() -> None:
    """The last run is also the first of the list; the list has a length, an end, and can be sliced."""
    for gamma in (0.1, 0.2, 0.3):
        first_pipeline(gamma=gamma)
    pipeline_model = first_pipeline.model
    runs = pipeline_model.runs

    last_run = pipeline_model.last_run  # OR: pipeline_model.runs[0]

    assert last_run == pipeline_model.runs[0] and last_run in runs
    assert (len(runs), runs[-1].number, [run.number for run in runs[1:]]) == (3, 1, [2, 1])


def test_all_states_that_the_guide_names() -> None:
    """A run reads running while it runs; failed, completed and cached once it has ended."""
    seen: list[str] = []

    @step
    def look() -> int:
        seen.append(Client().get_pipeline_run(get_step_context().pipeline_run.name).status)
        return 1

    @pipeline
    def looking() -> None:
        look()

    looking()
    first_pipeline()
    first_pipeline()
    with pytest.raises(ArithmeticError):
        unsteady(fail=True)

    statuses = [run.status for run in Client().list_pipeline_runs()]
    assert (seen, statuses) == (["running"], ["failed", "cached", "completed", "completed"])


def test_metadata_of_a_run() -> None:
    """What a component noted on a run is read from its `metadata` by key."""
    run = first_pipeline()
    run.log_metadata({"orchestrator_url": "https://dashboard.example/runs/1"})

    run_metadata = Client().get_pipeline_run(run.name).metadata
    orchestrator_url = run_metadata["orchestrator_url"]

    assert orchestrator_url == "https://dashboard.example/runs/1"


def test_several_outputs_have_no_short_cut() -> None:
    """`.output` is for a single output; of several it names them."""

    @step
    def split() -> tuple[Annotated[int, "low"], Annotated[int, "high"]]:
        return 1, 2

    @pipeline
    def splitting() -> None:
        split()

    step_run = splitting().steps["split"]

    assert (step_run.outputs["low"].load(), step_run.outputs["high"].load()) == (1, 2)
    with pytest.raises(ValueError, match="2 outputs.*'low', 'high'"):
        step_run.output


def test_a_step_called_twice_has_two_invocation_ids() -> None:
    """Steps called more than once, or under a custom id, are found by invocation id."""

    @pipeline
    def twice() -> None:
        may_fail(False)
        may_fail(False)
        may_fail(False, id="third")

    assert list(twice().steps) == ["may_fail", "may_fail_2", "third"]
