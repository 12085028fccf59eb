"""Recall from where pipelines are written and run: bodies, steps, and afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from runlore import ExternalArtifact, get_step_context, log_metadata, pipeline, save_artifact, step
from runlore.author.current import use_workspace
from runlore.client import Client, use_namespace
from runlore.errors import NotFound
from runlore.settings import Settings
from runlore.workspace import Workspace


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of the test's own, in force for pipelines and `Client()`."""
    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    with use_workspace(opened):
        yield opened
    opened.close()


@step
def make(x: int) -> Annotated[int, "thing"]:
    return x


@step
def use(thing: int) -> Annotated[int, "used"]:
    return thing + 1


@step
def square(x: int) -> int:
    return x * x


@step
def negate(x: int) -> int:
    return -x


def test_a_version_fetched_in_a_body_is_an_input() -> None:
    """What a body fetched is pinned, shows among the inputs, and knows its consumers across pipelines."""

    @pipeline
    def producing() -> None:
        make(1)

    @pipeline
    def consuming() -> None:
        use(Client().get_artifact_version("thing"))

    producing()
    run = consuming()
    version = Client().get_artifact_version("thing")
    assert run.steps["use"].inputs["thing"] == version
    assert version.consumers == (run.steps["use"],)
    assert [after.name for after in version.downstream()] == ["used"]


LATEST: dict[str, Callable[[Client], Any]] = {
    "get_artifact_version": lambda client: client.get_artifact_version("thing"),
    "latest": lambda client: client.get_artifact_version("thing", "latest"),
    "pathspec": lambda client: client.get("artifact:thing@latest"),
    "series": lambda client: client.get_artifact("thing").latest,
    "external": lambda client: ExternalArtifact(name="thing"),
    "external latest": lambda client: ExternalArtifact(name="thing", version="latest"),
}


@pytest.mark.parametrize("way", LATEST)
def test_the_latest_of_what_the_body_makes_is_an_edge(way: str) -> None:
    """Looking up the latest of a name that an earlier step of the body makes takes that step's output, in every run."""
    save_artifact(100, "thing")

    @pipeline
    def both(x: int) -> None:
        make(x)
        use(LATEST[way](Client()))

    runs = [both(1), both(5), both(1)]

    assert [run.steps["use"].output.load() for run in runs] == [2, 6, 2]
    assert runs[2].steps["make"].status == "cached"
    for run in runs:
        assert run.steps["use"].inputs["thing"] == run.steps["make"].output
        assert run.steps["use"].upstream_steps == (run.steps["make"],)


@pytest.mark.parametrize("way", [way for way in LATEST if "external" not in way])
def test_the_latest_of_what_only_a_later_step_makes_is_pinned(way: str) -> None:
    """A look-up before the step that makes the name, and one of a label, takes what is on record when it is traced."""
    first = save_artifact(100, "thing")

    @pipeline
    def before(x: int) -> None:
        found = LATEST[way](Client())
        make(x)
        use(found)
        use(Client().get_artifact_version("thing", 1))

    run = before(1)

    assert [run.steps[name].inputs["thing"] for name in ("use", "use_2")] == [first, first]
    assert set(first.consumers) == {run.steps["use"], run.steps["use_2"]}


def test_the_newest_earlier_call_counts_also_in_an_inlined_pipeline() -> None:
    """Of several earlier calls the newest is taken, whichever pipeline of the body made it, walked item by item too."""

    @pipeline
    def inner(x: int) -> None:
        make(x)

    @pipeline
    def outer(x: int) -> Any:
        make(x)
        inner(x + 1)
        used = use(Client().get_artifact_version("thing"))
        make.map(x=[1, x])
        return used, use.map(Client().get_artifact_version("thing"))

    run = outer(5)

    assert run.steps["use"].output.load() == 7
    assert run.steps["use_2"].output.load() == [2, 6]


def test_a_version_in_a_list_is_an_input() -> None:
    """Versions and look-ups within a list are inputs, each under its position."""

    @step
    def total(parts: list[int]) -> int:
        return sum(parts)

    @pipeline
    def listing(x: int) -> None:
        make(x)
        total([Client().get_artifact_version("thing"), ExternalArtifact(name="thing", version="1")])

    first = save_artifact(100, "thing")
    run = listing(5)

    assert run.steps["total"].output.load() == 105
    assert dict(run.steps["total"].inputs) == {"parts.0": run.steps["make"].output, "parts.1": first}


def test_fetching_what_is_not_there_fails_before_work() -> None:
    """A body that fetches an unknown artifact fails as the body is traced, and no step has run."""

    @pipeline
    def broken() -> None:
        make(1)
        use(Client().get_artifact_version("nothing"))

    with pytest.raises(NotFound, match="'nothing'"):
        broken()
    assert not Client().list_artifact_versions()


def test_the_running_run_is_among_the_runs() -> None:
    """Inside a step, runs[0] is the running run and runs[1] the one before it."""
    seen: list[Any] = []

    @step
    def look() -> int:
        run = Client().get_pipeline_run(get_step_context().pipeline_run.name)
        runs = run.pipeline.runs
        seen.append((str(run.status), runs[0] == run, [other.number for other in runs]))
        return len(runs)

    @pipeline
    def watching() -> None:
        look()

    watching()
    run = watching()
    assert seen == [("running", True, [1]), ("running", True, [2, 1])]
    assert run.steps["look"].output.load() == 2
    assert "runs" in (run.steps["look"].cache_note or "")


def test_a_chain_of_maps_reads_element_by_element() -> None:
    """Collections load as lists, tasks know their own element, and a task's input is the element before it."""

    @pipeline
    def chain() -> Any:
        return negate.map(square.map(x=[1, 2, 3]))

    run = chain()
    assert run.output.load() == [-1, -4, -9]
    task = Client().get(f"{run.pathspec}/negate/2")
    assert (task.input.load(), task.output.load()) == (9, -9)
    assert run.steps["negate"].output.upstream() == (run.steps["square"].output,)


def test_an_element_of_a_plain_list_is_a_value_of_its_own() -> None:
    """What an item of a step took that was mapped over a stored list is told, shown and loaded."""

    @step
    def listed() -> Annotated[list[int], "listed"]:
        return [5, 6, 7]

    @pipeline
    def over_a_list() -> Any:
        return square.map(listed())

    run = over_a_list()
    task = Client().get(f"{run.pathspec}/square/2")
    assert (task.input.load(), task.output.load()) == (7, 49)
    taken = (task.input, *run.output[1].upstream())
    assert [repr(one) for one in taken] == [
        f"<ArtifactVersion 'artifact:listed@1[{n}]': builtins.list>" for n in (2, 1)
    ]
    assert [Client().get(one.pathspec) for one in taken] == list(taken)
    with pytest.raises(NotFound, match="is not a collection"):
        Client().get("artifact:listed@1[3]")
    assert taken[1].load() == 6 and taken[1].metadata == run.steps["listed"].output.metadata


def test_an_element_cannot_stand_for_a_whole_version() -> None:
    """A body that passes one element of a collection is told what to pass instead."""

    @pipeline
    def mapping() -> None:
        square.map(x=[1, 2])

    @pipeline
    def taking() -> None:
        use(Client().get("mapping/latest/square").output[0])

    mapping()
    with pytest.raises(TypeError, match="element of a collection"):
        taking()


def test_a_pipeline_knows_its_record() -> None:
    """pipeline.model, .runs and .last_run lead to the record; before the first run there is none of this name."""

    @pipeline
    def train() -> None:
        make(1)

    @pipeline
    def training() -> None:
        make(1)

    training()
    with pytest.raises(NotFound, match="'train'"):
        _ = train.model
    run = train()
    assert train.model.last_run == train.last_run == train.runs[0] == run
    assert train.model.num_runs == 1


def test_the_code_of_a_run_is_kept() -> None:
    """run.code holds the source of the steps' module, and the step its own."""

    @pipeline
    def kept() -> None:
        make(1)

    run = kept()
    assert any("def test_the_code_of_a_run_is_kept" in text for text in run.code.values())
    assert "return x" in run.steps["make"].source_code


def test_versions_of_an_artifact_with_a_default_name_are_listed() -> None:
    """``pipeline::step::output`` is a name like any other: the artifact and the client list its versions."""

    @pipeline
    def squaring(x: int) -> None:
        square(x)

    for x in (2, 3):
        squaring(x)

    name = "squaring::square::output"
    assert [version.load() for version in Client().get_artifact(name).versions] == [9, 4]
    assert [version.load() for version in Client().list_artifact_versions(name)] == [9, 4]


def test_a_run_is_found_by_what_its_steps_logged() -> None:
    """`run_metadata` finds runs by what a step noted in its body; a note of the run itself counts instead."""

    @step(enable_cache=False)
    def score(accuracy: float) -> float:
        log_metadata({"accuracy": accuracy, "data": {"rows": 100}})
        return accuracy

    @pipeline
    def scoring(first: float, second: float) -> Any:
        score(first)
        return score(second)

    good, poor = scoring(first=0.95, second=0.6), scoring(first=0.7, second=0.8)
    client = Client()

    def found(*conditions: str) -> list[int]:
        return [run.number for run in client.list_pipeline_runs(run_metadata=list(conditions))]

    assert found("accuracy:gte:0.9") == [1] and found("accuracy:lt:0.75") == [2, 1]
    assert found("accuracy:gte:0.5") == found("data.rows:100") == [2, 1]
    assert found("accuracy:notequals:0.7") == [1]
    poor.log_metadata({"accuracy": 0.99})
    good.log_metadata({"accuracy": 0.1})
    assert found("accuracy:gte:0.9") == [2] and found("accuracy:lt:0.75") == [1]
    assert good.steps["score"].metadata["accuracy"] == 0.95


def test_a_step_tags_its_own_run() -> None:
    """What a running step tags is tagged at once, also from several tasks, and what comes after sees it."""

    @step(enable_cache=False)
    def tag(number: int) -> int:
        run = Client().get_pipeline_run(get_step_context().pipeline_run.name)
        run.add_tags(f"task-{number}", "everybody's")
        run["tag"].replace_tag("absent", f"step-{number}")
        run.parent.add_tag("seen")
        return number

    @step(enable_cache=False)
    def read(numbers: list[int]) -> list[str]:
        return list(Client().get_pipeline_run(get_step_context().pipeline_run.name).tags)

    @pipeline(tags=["begun"])
    def tagging() -> Any:
        return read(tag.map([0, 1, 2]))

    run = tagging()

    assert run.output.load() == ["begun", "everybody's", "task-0", "task-1", "task-2"] == list(run.tags)
    assert run["tag"].tags == ("step-0", "step-1", "step-2") and run.pipeline.tags == ("seen",)


def test_a_run_begins_with_tags_of_runlore() -> None:
    """Who, which pipeline, which Python and which day; a tag of the pipeline that says the same is runlore's."""

    @pipeline(tags=["mine", "pipeline:labelled"])
    def labelled() -> None:
        make(1)

    run = labelled()

    day, python = f"date:{run.created:%Y-%m-%d}", f"python:{sys.version_info.major}.{sys.version_info.minor}"
    user = {f"user:{run.user}"} if run.user else set()
    assert run.system_tags == {day, python, "pipeline:labelled"} | user
    assert run.tags == ("mine",)


def test_a_namespace_changes_no_run(workspace: Workspace) -> None:
    """Whatever is looked through, steps find the artifacts of others, and the same results serve again."""

    @step
    def find() -> int:
        found: int = Client().get_artifact_version("thing").load()
        return found

    @pipeline
    def finding() -> Any:
        return find()

    save_artifact(5, "thing")
    with use_namespace("nobody"):
        first, second = finding(), finding()
        assert (first.output.load(), first.status, second.status) == (5, "completed", "cached")
        assert not Client().runs() and "finding" not in Client()
    assert finding().status == "cached"
