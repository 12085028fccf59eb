"""Every handle is a container of what is below it, and leads back up."""

from __future__ import annotations

from copy import copy
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from runlore.errors import NotFound
from runlore.model.change import NewStep, StepsPlanned
from runlore.recall.client import Client

#: The `Book` of this folder's conftest, which cannot be imported by name.
Book = Any
NONSENSE: list[Any] = [None, 3.5, "", "no such thing", b"1", [], {}, (1, 2), object(), slice(0, 1), True, "a/b/c/d/e/f"]
NONSENSE += [10**30, -7, "\x00", "\ud800", "artifact:", "artifact:@", "1/2/3", UUID(int=7)]


@pytest.fixture
def filled(book: Book) -> Book:
    """Two runs of ``training``, one of ``squares``."""
    book.run(name="first-night")
    book.run()
    book.mapped([1, 4, 9])
    return book


def test_from_the_client_down_and_up_again(filled: Book) -> None:
    """Brackets lead from the client to a value, and `parent` leads back by the same way."""
    client = filled.client

    model = client["training"]["1"]["train"]["0"]["model"]

    assert model.load() == {"weight": 0}
    task = model.task
    assert task is not None and task.pathspec == "training/1/train/0"
    above = [task, task.parent, task.parent.parent, task.parent.parent.parent, task.parent.parent.parent.parent]
    assert above == [
        client["training/1/train/0"],
        client["training/1/train"],
        client["training/1"],
        client["training"],
        client,
    ]
    assert (task.step, task.run, task.pipeline) == tuple(above[1:4])
    assert (model.producer, model.step, model.run, model.pipeline) == (above[1], above[1], above[2], above[3])
    assert model.parent == model.artifact == client["artifact:model"] and model.artifact.parent == client
    assert above[1].pipeline == above[3] and above[1].upstream_steps[0].downstream_steps == (above[1],)
    data = client["training/1/load/0"]["data"]
    assert [step.pathspec for step in data.consumers] == ["training/1/train"]


def test_path_components_are_the_parts_of_the_pathspec(filled: Book) -> None:
    """Each handle tells its pathspec, whose parts are its path's components."""
    task = filled.client["training/1/train/0"]
    handles = [task.pipeline, task.run, task.step, task]

    assert [handle.path_components for handle in handles] == [
        ["training", "1", "train", "0"][: position + 1] for position in range(4)
    ]
    assert task["model"].path_components == ["artifact:model", "1"]
    assert task["model"].artifact.path_components == ["artifact:model"]
    squares = filled.client["squares/1/square/2"]["output"]
    assert squares.path_components == ["artifact:squares", "1", "2"] and squares.task.index == 2


def test_a_pipeline_finds_runs_by_whatever_names_them(filled: Book) -> None:
    """A number as int, numpy's int or text, a name, the beginning of one, an id as text or UUID, an alias."""
    pipeline = filled.client["training"]
    first = pipeline[1]
    whole, start = str(first.id), str(first.id)[:8]

    for reference in ("1", np.int64(1), "first-night", "first-n", whole, first.id, start):
        assert pipeline[reference] == first and reference in pipeline, reference
    assert pipeline["latest"] == pipeline["latest-successful"] == pipeline[2]


def test_artifacts_find_versions_and_tasks_outputs(filled: Book) -> None:
    """An artifact is asked for labels, numbers, aliases and the latest; a step for indices, as int or text."""
    artifact, step = filled.client["artifact:model"], filled.client["squares/1/square"]
    artifact["1"].promote("production")

    assert artifact["1"] == artifact[1] == artifact["production"] == artifact.versions[-1]
    assert artifact.latest == artifact["latest"] == artifact["2"]
    assert step[1] == step["1"] == step[np.int64(1)] == step.tasks[1]
    assert step.task == step[0] and [task.index for task in step] == [0, 1, 2]


def test_walking_and_counting(filled: Book) -> None:
    """Each container walks over its children, counts them, and names them as its brackets take them."""
    client = filled.client
    run = client["training/1"]
    containers: list[Any] = [
        client,
        client["training"],
        run,
        run["train"],
        run["train"][0],
        client["squares/1/square"],
        client["artifact:model"],
    ]
    for container in containers:
        children = list(container)
        assert len(container) == len(children) > 0 and container, container
        assert all(child in container for child in children), container
        assert list(container.values()) == children
        assert [container[key] for key in container.keys()] == children
        assert list(container.items()) == list(zip(container.keys(), children, strict=True))
        assert dict(container) == dict(container.items())
        assert set(container.keys()) <= set(container._ipython_key_completions_())
        assert hash(container) == hash(container) and container == container and container != run["load"]
    assert [run.number for run in client["training"]] == [2, 1]
    assert list(run.keys()) == ["load", "train"]
    assert list(client.keys()) == ["training", "squares"] and client.pipelines == list(client)
    assert [artifact.name for artifact in client.artifacts] == ["data", "model", "squares"]


def test_in_answers_false_for_nonsense(filled: Book) -> None:
    """Whatever is no child is not in a container or list, and asking never raises."""
    client = filled.client
    run = client["training/1"]
    version, collection = run["train"].output, client["squares/1/square"].output
    strangers = [run.pipeline, run, run["load"], run["load"][0], version, collection, collection[0], version.artifact]
    for container in (client["training"], run, run["train"], run["train"][0], version.artifact):
        for thing in [*NONSENSE, *strangers]:
            if thing not in list(container):
                assert (thing in container) is False, (container, thing)
    for nonsense in NONSENSE:
        lists: tuple[Any, ...] = (
            client,
            client.pipelines,
            client.runs(),
            version.artifact.versions,
            collection,
            version,
        )
        for container in (*lists, run.steps, run.outputs, run.data):
            assert (nonsense in container) is False, (container, nonsense)
    assert collection[1] in collection and collection not in collection and version not in collection


def test_a_child_that_was_deleted_is_not_in_its_container(filled: Book) -> None:
    """Membership asks the record, not the handle."""
    pipeline = filled.client["training"]
    gone = pipeline[1]
    assert gone in pipeline and gone in pipeline.runs and gone in filled.client
    gone.delete()

    assert gone not in pipeline and gone not in pipeline.runs and gone not in filled.client and 1 not in pipeline


@pytest.mark.parametrize(
    ("reference", "error", "says"),
    [
        (("training", 3), NotFound, r"no run '3' of pipeline 'training'; its newest is training/2"),
        (("training", "lates"), NotFound, "There is no run 'lates'"),
        (("training", 0), NotFound, r"numbers begin with 1. By position: .runs\[0\]"),
        (("training", -1), NotFound, r"By position: .runs\[-1\]"),
        (("training", slice(0, 2)), TypeError, r"not for a slice. By position: .*runs\[…\]"),
        (("training", None), TypeError, "run's number, name or id, not for None"),
        (("training", True), TypeError, "not for True, a bool"),
        (("training/1", "trian"), NotFound, "training/1 has no step 'trian'. Did you mean 'train'"),
        (("training/1", 0), NotFound, "has no step 0. There is 'load', 'train'"),
        (("training/1/train", 1), NotFound, "no task 1; its only task is 0"),
        (("squares/1/square", 3), NotFound, "no task 3; its tasks are 0 to 2"),
        (("squares/1/square", -1), NotFound, r"no task -1.*by position are in .tasks"),
        (("training/1/train", "model"), NotFound, r"no task 'model'.*What it made is in .outputs"),
        (("training/1/train/0", "modle"), NotFound, "no output 'modle'. Did you mean 'model'"),
        (("artifact:model", "7"), NotFound, "Artifact 'model' has no version '7'"),
        (("artifact:model", -1), NotFound, r"By position: .versions\[-1\]; the oldest"),
        (("artifact:model", 1.0), TypeError, "version's label, number or alias, not for 1.0, a float"),
        ((None, "trainnig"), NotFound, "Did you mean 'training'"),
        ((None, 1), TypeError, r"asked for a pathspec.*not for 1. By position: .pipelines\[…\]"),
    ],
    ids=repr,
)
def test_what_is_not_there_says_what_is(
    filled: Book, reference: tuple[str | None, Any], error: type[Exception], says: str
) -> None:
    """A missing child is a KeyError that names what there is; a position is told where positions belong."""
    where, asked = reference
    container: Any = filled.client if where is None else filled.client[where]
    with pytest.raises(error, match=says) as raised:
        container[asked]
    assert isinstance(raised.value, (KeyError, TypeError))


def test_misspelt_words_and_attributes_are_told_how(filled: Book) -> None:
    """A word like `latest` is offered to whom misspelt it, and brackets to whom took a name for an attribute."""
    pipeline = filled.client["training"]

    for wrong, meant in {"lastest": "latest", "latest-sucessful": "latest-successful"}.items():
        with pytest.raises(NotFound, match=rf"Did you mean .*'{meant}'"):
            pipeline[wrong]
    with pytest.raises(AttributeError, match=r"The step 'train' of training/1 is found by brackets: \['train'\]"):
        pipeline[1].steps.train
    assert not hasattr(pipeline[1].steps, "trian") and not hasattr(pipeline[1].steps, "__wrapped__")
    assert copy(pipeline[1].outputs) == pipeline[1].outputs


def test_values_by_attribute(filled: Book) -> None:
    """`data` gives values by name, tells what there is, and loads nothing else."""
    run = filled.client["training/1"]
    task = run["train"].task

    assert task.data.model == task["model"].data == run.data.model == task.artifacts["model"].load() == {"weight": 0}
    assert task.data["model"] == {"weight": 0}
    assert "model" in task.data and "modle" not in task.data and 7 not in task.data
    assert (dir(task.data), list(task.data), len(task.data), repr(task.data)) == (
        ["model"],
        ["model"],
        1,
        "<Data: model>",
    )
    with pytest.raises(AttributeError, match="Did you mean 'model'"):
        task.data.modle
    with pytest.raises(KeyError):
        task.data["modle"]
    assert not hasattr(task.data, "__array__")


def test_when_it_came_and_ended(filled: Book) -> None:
    """Runs, steps, tasks and versions tell when they came, when they ended, and whether well."""
    run = filled.client["training/1"]
    step, version = run["train"], run["train"].output

    assert (run.created_at, run.finished_at) == (run.created, run.ended)
    assert (step.created_at, step.finished_at) == (step.started, step.ended)
    assert (step.task.created_at, step.task.finished_at) == (step.task.started, step.task.ended)
    assert version.created_at == version.finished_at == version.created
    assert run.finished and step.finished and step.task.finished and step.task.successful
    assert all(handle.origin_pathspec is None for handle in (run, step, step.task, version))


def test_a_step_that_has_not_started_has_no_task(book: Book) -> None:
    """What comes later is not there yet: no task, no times, and a message that says so."""
    noun, fence = book.begin()
    book.workspace.ownership.acquire(noun.id)
    book.workspace.record.commit(
        [StepsPlanned(steps=(NewStep(index=0, name="load", definition="{}", definition_digest=b"d" * 32),))],
        fence=fence,
    )
    step = book.client.run_of(noun)["load"]

    assert (len(step), list(step), 0 in step, step.finished, step.created_at, step.finished_at) == (
        0, [], False, False, None, None,
    )  # fmt: skip
    with pytest.raises(NotFound, match="no task 0; it has not started"):
        step.task
    book.workspace.ownership.release(noun.id)


def test_a_version_that_was_saved_has_no_task(book: Book) -> None:
    """What no step made leads to no run, and says so by None."""
    book.save("table", 1)
    version = book.client["artifact:table@1"]

    assert (version.task, version.step, version.run, version.pipeline) == (None, None, None, None)


def test_a_collection_is_a_sequence(filled: Book) -> None:
    """Elements are found by position, sliced, and counted without reading them."""
    collection = filled.client["squares/1/square"].output

    assert [element.load() for element in collection] == collection.load() == [1, 4, 9]
    assert [element.load() for element in collection[1:]] == [4, 9]
    assert [element.load() for element in collection[::-1]] == [9, 4, 1]
    assert collection[-1] == collection[2] and collection[np.int64(0)].load() == 1
    with pytest.raises(TypeError, match="not a collection"):
        list(filled.client["artifact:model@1"])


def test_an_element_is_found_by_its_pathspec(filled: Book) -> None:
    """What an element is called leads to it again; past the end, and of what is no collection, nothing is."""
    client = filled.client
    collection = client["squares/1/square"].output
    for element in collection:
        assert client.get(element.pathspec) == client.get_artifact_version(element.pathspec) == element
    with pytest.raises(NotFound, match="3 elements"):
        client.get(f"{collection.pathspec}[3]")
    with pytest.raises(NotFound, match="not a collection"):
        client.get("artifact:model@1[0]")
    with pytest.raises(NotFound, match="no version '99'"):
        client.get(f"artifact:{collection.artifact.name}@99[0]")


class Counting:
    """A record that counts what is asked of it."""

    def __init__(self, record: Any) -> None:
        self.record = record
        self.fetched = self.questions = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name)

    def select(self, query: Any) -> Any:
        page = self.record.select(query)
        self.questions += 1
        self.fetched += len(page.items)
        return page


@pytest.fixture
def many(book: Book) -> Book:
    """1,200 runs, which is more than two pages."""
    with book.workspace.record.batch():
        for _ in range(1200):
            book.begin()
    return book


def test_lists_load_no_more_than_they_give(many: Book) -> None:
    """The last run, the last few, membership and the tail of a slice take one question each, and what they give."""
    runs = many.client.runs("training")
    counting: Any = Counting(runs._record)
    oldest = runs[-1]

    def asked(look: Any) -> tuple[int, int]:
        listing = many.client.runs("training")
        listing._record = counting
        counting.fetched = counting.questions = 0
        look(listing)
        return counting.questions, counting.fetched

    assert asked(lambda listing: listing[0]) == (1, 1)
    assert asked(lambda listing: listing[-1]) == (1, 1)
    assert asked(lambda listing: listing[-3:]) == (1, 3)
    assert asked(lambda listing: listing[-3:-1]) == (1, 3)
    assert asked(lambda listing: listing[1195:-1]) == (1, 5)
    assert asked(lambda listing: listing[4::-1]) == (1, 5)
    assert asked(lambda listing: oldest in listing) == (1, 1)
    assert asked(lambda listing: listing.count(oldest)) == (1, 1)
    assert asked(lambda listing: next(reversed(listing)))[0] == 1
    assert asked(lambda listing: list(zip(listing, range(3), strict=False))) == (1, 20)
    assert [run.number for run in runs[-3:]] == [3, 2, 1]
    assert (runs.index(oldest), oldest.number, len(runs)) == (1199, 1, 1200)
    assert len(many.client["training"]._ipython_key_completions_()) == 102


def test_lists_behave_as_sequences(filled: Book) -> None:
    """`==`, `index`, `count` and `in` speak of handles; what is not listed is a ValueError, as with a list."""
    client = filled.client
    runs = client["training"].runs
    newest, oldest = runs

    assert runs == [newest, oldest] == list(runs) and runs == client["training"].runs and runs != [oldest, newest]
    assert runs != "training" and (runs == np.int64(1)) is False and (runs == np.array([1, 2])) is False
    assert runs != [newest] and runs == (newest, oldest)
    assert (runs.index(oldest), runs.count(oldest), runs.count("x")) == (1, 1, 0)
    assert oldest in client.runs(status="completed", logical_operator="or", name="x")
    assert oldest not in client.runs(status="failed") and oldest not in client.runs("squares")
    assert client["training"] in client.pipelines and client["training"] not in client.runs()
    with pytest.raises(ValueError, match="is not in this list"):
        runs.index(client["squares/1"])
    with pytest.raises(ValueError):
        runs.index(oldest, 0, 1)
    with pytest.raises(TypeError, match="asked for a position, not for 'latest'"):
        runs["latest"]  # type: ignore[call-overload]


def test_walking_while_runs_come_and_go(many: Book) -> None:
    """A walk gives each run that was there all the time exactly once, whatever is added or deleted meanwhile."""
    workspace = many.workspace
    finished = [many.client.run_of(many.run("other")) for _ in range(60)]
    gone = {finished[0].seq, finished[30].seq, finished[59].seq}
    walked = []
    for position, run in enumerate(many.client.runs("other")):
        walked.append(run.seq)
        if position == 10:
            many.run("other")
            for seq in gone:
                workspace.record.delete_run(seq)

    stayed = [run.seq for run in finished if run.seq not in gone]
    assert [seq for seq in walked if seq in stayed] == stayed[::-1]
    assert len(set(walked)) == len(walked)


def test_a_client_is_known_by_its_record(filled: Book, book: Book) -> None:
    """Clients of one record are equal; another thing is not one."""
    assert Client(filled.workspace) == filled.client != "client" and len({Client(book.workspace), book.client}) == 1
    assert uuid4() not in filled.client
