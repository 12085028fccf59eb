"""What a step looks up or reads in the record while it runs, and when its result may serve again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from runlore import get_step_context, load_artifact, pipeline, save_artifact, step
from runlore.author.current import use_workspace
from runlore.client import Client
from runlore.errors import NotFound
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


@step
def make(x: int) -> Annotated[int, "thing"]:
    return x


@step
def look() -> Annotated[int, "seen"]:
    return load_artifact("thing") * 10


@pipeline
def looking() -> Any:
    return look()


@pipeline
def both(x: int) -> Any:
    make(x)
    return look(after="make")


def test_a_look_up_that_means_the_same_is_a_hit() -> None:
    """A step that looked up an artifact by name is served again while the name means the same version."""
    save_artifact(1, "thing")
    first, second = looking(), looking()

    assert (first.status, second.status) == ("completed", "cached")
    save_artifact(2, "thing")
    third = looking()
    assert (third.status, third.output.load()) == ("completed", 20)
    assert looking().status == "cached"


def test_what_was_looked_up_is_an_input() -> None:
    """It shows among the inputs of the step, marked by how it was asked for, also where the result was taken over."""
    made = save_artifact(1, "thing")
    runs = looking(), looking()

    for run in runs:
        assert dict(run.steps["look"].inputs) == {"artifact:thing": made}
        assert run.steps["look"].looked_up["artifact:thing"] == made
        assert run.steps["look"].tasks[0].inputs["artifact:thing"] == made
    assert made.consumers == tuple(run.steps["look"] for run in runs)
    assert [after.name for after in made.downstream()] == ["seen"]
    assert runs[0].steps["look"].output.upstream() == (made,)


def test_an_earlier_step_of_the_run_makes_what_is_looked_up() -> None:
    """What an earlier step of the same run has made is found, and its result of a former run is not served for it."""
    runs = [both(1), both(2), both(2)]

    assert [run.output.load() for run in runs] == [10, 20, 20]
    assert [run.steps["look"].status for run in runs] == ["completed", "completed", "cached"]


def test_a_repeated_run_does_not_fetch_look_ups_ahead() -> None:
    """In a long run that repeats an earlier one, a step in the middle still sees that a name means something else."""

    @step
    def count(x: int) -> int:
        return x + 1

    @pipeline
    def long() -> Any:
        x: Any = 0
        for number in range(12):
            x = count(x)
            if number == 8:
                look()
        return x

    save_artifact(1, "thing")
    assert [long().status, long().status] == ["completed", "cached"]
    save_artifact(2, "thing")
    run = long()

    assert [name for name, step in run.steps.items() if step.status != "cached"] == ["look"]
    assert run.steps["look"].output.load() == 20


def test_the_latest_version_is_the_newest_one_even_if_an_earlier_step_was_cached() -> None:
    """A cached step makes no version, so the latest of the name stays what was created last, in any run."""
    runs = [both(1), both(2), both(1)]

    assert [run.steps["make"].status for run in runs] == ["completed", "completed", "cached"]
    assert [run.output.load() for run in runs] == [10, 20, 20]


def test_the_newest_result_that_still_holds_is_served() -> None:
    """Of several results that differ only in what a name meant, the one that holds now is found."""

    @step
    def first_or_not() -> str:
        try:
            return f"has {load_artifact('thing', '2')}"
        except NotFound:
            return "nothing"

    @pipeline
    def asking() -> Any:
        return first_or_not()

    assert asking().output.load() == "nothing"
    assert asking().status == "cached"
    save_artifact("one", "thing", version="1")
    assert asking().status == "cached"
    save_artifact("two", "thing", version="2")
    assert asking().output.load() == "has two"
    save_artifact("three", "thing")
    assert asking().status == "cached"


def test_nothing_found_is_an_answer_too() -> None:
    """A step that was told that there is nothing runs again once there is something, by beginning of a name too."""

    @step
    def default() -> Annotated[str, "default"]:
        try:
            return str(load_artifact("weights"))
        except NotFound:
            return "none"

    @pipeline
    def asking() -> Any:
        return default()

    run = asking()
    assert (run.output.load(), dict(run.steps["default"].inputs)) == ("none", {})
    assert dict(run.steps["default"].looked_up) == {"artifact:weights": None}
    save_artifact(0, "other")
    assert asking().status == "cached"
    save_artifact(7, "weights-2030")
    run = asking()
    assert (run.status, run.output.load()) == ("completed", "7")


def _series(client: Client) -> Any:
    return client.get_artifact("thing")


READERS: dict[str, tuple[Callable[[Client], Any], str]] = {
    "runs": (lambda client: len(client.list_pipeline_runs()), "a list of runs"),
    "versions": (lambda client: len(client.list_artifact_versions("thing")), "a list of artifact versions"),
    "pipeline": (lambda client: client.get_pipeline("reading").num_runs, "pipeline 'reading'"),
    "run": (lambda client: client.get("reading/latest").name, "'reading/latest'"),
    "series": (lambda client: _series(client).num_versions, "artifact 'thing'"),
    "series of a version": (lambda client: str(client.get_artifact_version("thing").parent), "artifact 'thing'"),
    "row of a series": (lambda client: client.get_artifact_version("thing").artifact.to_row(), "artifact 'thing'"),
    "series by pathspec": (lambda client: client.get("artifact:thing").num_versions, "artifact 'thing'"),
    "beginning of a name": (
        lambda client: client.get_artifact_version("thin").load(),
        "an artifact whose name begins with 'thin'",
    ),
    "metadata": (
        lambda client: dict(client.get_artifact_version("thing").metadata),
        "the metadata of artifact:thing@1",
    ),
    "history": (
        lambda client: client.get_artifact_version("thing").metadata_history("x"),
        "the metadata of artifact:thing@1",
    ),
    "note": (lambda client: client.get_artifact_version("thing").note, "the note of artifact:thing@1"),
    "notes": (lambda client: client.get_artifact_version("thing").note_history, "the note of artifact:thing@1"),
    "aliases": (lambda client: client.get_artifact_version("thing").aliases, "the aliases of artifact:thing@1"),
    "lineage": (
        lambda client: len(client.get_artifact_version("thing").downstream()),
        "the lineage of artifact:thing@1",
    ),
    "tags": (lambda client: client.get_artifact_version("thing").tags, "the tags of artifact:thing@1"),
    "shown tags": (lambda client: client.get_artifact_version("thing").all_tags, "the tags of artifact:thing@1"),
    "pipelines": (lambda client: len(client), "a list of pipelines"),
    "a namespace": (lambda client: list(client.in_namespace("x").runs()), "a list of runs"),
    "whether there is one": (lambda client: "thing" in client, "'thing'"),
    "consumers": (lambda client: client.get_artifact_version("thing").consumers, "the consumers of artifact:thing@1"),
    "producer": (lambda client: str(client.get_artifact_version("thing").run), "the producer of artifact:thing@1"),
    "its own run": (lambda client: get_step_context().pipeline_run.number, "run reading/"),
    "name of its run": (lambda client: get_step_context().run_name, "the name of its run"),
    "id of its run": (lambda client: str(get_step_context().run_id), "the id of its run"),
}


@pytest.mark.parametrize("name", READERS)
def test_reading_anything_else_is_uncacheable(name: str) -> None:
    """Runs, lists, notes and what else may change make the result serve nobody, and the step says what it read."""
    save_artifact(1, "thing")
    read, reason = READERS[name]

    @step
    def reader() -> str:
        return repr(read(Client()))

    @pipeline
    def reading() -> Any:
        return reader()

    first, second = reading(), reading()

    assert (first.status, second.status) == ("completed", "completed")
    assert f"it read {reason}" in str(first.steps["reader"].cache_note)
    assert reason in " ".join(str(second.steps["reader"].explain()).split())


def test_a_version_by_its_id_is_pinned() -> None:
    """What is asked for by id can never be another version, so it does not stand in the way of the cache."""
    identity = str(save_artifact(1, "thing").id)

    @step
    def by_id() -> int:
        return int(load_artifact(identity))

    @pipeline
    def asking() -> Any:
        return by_id()

    asking()
    save_artifact(2, "thing")

    assert asking().status == "cached"


def test_threads_of_a_step_read_for_it() -> None:
    """What a thread looks up that the step started counts as looked up by the step."""

    client = Client()

    @step
    def threaded() -> int:
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(client.get_artifact_version("thing").load()))
        thread.start()
        thread.join()
        return found[0]

    @pipeline
    def threading_() -> Any:
        return threaded()

    save_artifact(1, "thing")
    assert [threading_().status, threading_().status] == ["completed", "cached"]
    save_artifact(2, "thing")

    assert threading_().output.load() == 2


def test_a_pipeline_run_by_a_step_counts_as_read() -> None:
    """A step that runs a pipeline is not served from the cache, since that run looks up what it likes."""

    @step
    def outer() -> int:
        return int(looking().output.load())

    @pipeline
    def nesting() -> Any:
        return outer()

    save_artifact(1, "thing")
    nesting()
    save_artifact(2, "thing")

    assert nesting().output.load() == 20


def test_tasks_of_a_mapped_step_look_up_too() -> None:
    """Each task is served only while what it looked up means the same, what earlier steps of the run made included."""

    @step
    def scaled(x: int) -> int:
        return x * int(load_artifact("thing"))

    @pipeline
    def mapping(factor: int) -> Any:
        made = make(factor)
        return scaled.with_options(after=made).map([1, 2])

    runs = [mapping(2), mapping(2), mapping(3)]

    assert [run.output.load() for run in runs] == [[2, 4], [2, 4], [3, 6]]
    assert [run.steps["scaled"].status for run in runs] == ["completed", "cached", "completed"]
    assert [version.version for version in runs[2].steps["scaled"].inputs.values()] == ["2"]
    assert runs[2].steps["make"].output.consumers == (runs[2].steps["scaled"],)


def test_a_mapped_step_says_what_rules_the_cache_out() -> None:
    """The note of a mapped step tells what its tasks read."""

    @step
    def counting(x: int) -> int:
        return x + len(Client().list_pipeline_runs())

    @pipeline
    def mapping() -> Any:
        return counting.map([1, 2])

    assert "a list of runs" in str(mapping().steps["counting"].cache_note)
    assert mapping().steps["counting"].status == "completed"


def test_a_step_may_continue_from_its_own_last_result() -> None:
    """A step that looks up what it made itself last time sees another version each time, and runs each time."""

    @step
    def grow() -> Annotated[int, "grown"]:
        try:
            return int(load_artifact("grown")) + 1
        except NotFound:
            return 0

    @pipeline
    def growing() -> Any:
        return grow()

    assert [growing().output.load() for _ in range(3)] == [0, 1, 2]


def test_the_explanation_names_the_look_up_that_changed() -> None:
    """`explain` says which version the name meant then and which one it means now."""
    save_artifact(1, "thing")
    looking()
    save_artifact(2, "thing")
    run = looking()

    said = str(run.steps["look"].explain())
    assert "artifact 'thing' resolved to version 1 then and 2 now" in said


def test_a_preview_knows_what_earlier_steps_will_make() -> None:
    """`plan()` does not promise a hit for a step that looks up what an earlier step is about to make."""

    @pipeline
    def side_by_side(x: int) -> Any:
        make(x)
        return look()

    side_by_side(1)

    assert side_by_side.plan(1)["look"].cached is True
    assert side_by_side.plan(2)["look"].cached is None
    assert "looks up artifact:thing, of which 'make' makes" in side_by_side.plan(2)["look"].reason


def test_a_changed_class_of_what_is_looked_up_counts() -> None:
    """When the class of a looked-up value has another method now, what it answered then is not served."""
    import sys
    from types import ModuleType

    module = ModuleType("looked_up_models")
    text = "class Model:\n    def score(self):\n        return 1\n"
    sys.modules["looked_up_models"] = module
    exec(text, vars(module))

    @step
    def scoring() -> int:
        return int(load_artifact("model").score())

    @pipeline
    def asking() -> Any:
        return scoring()

    try:
        save_artifact(module.Model(), "model")
        assert [asking().status, asking().status] == ["completed", "cached"]
        exec(text.replace("return 1", "return 2"), vars(module))
        assert asking().output.load() == 2
        exec(text, vars(module))
        assert asking().status == "cached"
    finally:
        del sys.modules["looked_up_models"]
