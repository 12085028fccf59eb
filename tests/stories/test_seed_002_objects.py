"""Metaflow's client API, its objects: what its users look for, on native handles. The words are in the how-to page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest

from runlore import pipeline, step
from runlore.client import Artifact, ArtifactVersion, Client, Pipeline, Run, Step, Task, use_namespace
from runlore.errors import Ambiguous, NamespaceMismatch, NotFound, PathspecInvalid, TagProtected
from runlore.platform import user_name


@step
def start(name: str) -> Annotated[str, "name"]:
    return name


@step
def shout(word: str) -> Annotated[str, "loud"]:
    return word.upper()


@step
def end(name: str, loud: list[str], fail: bool = False) -> tuple[Annotated[str, "greeting"], Annotated[int, "length"]]:
    if fail:
        raise RuntimeError("as asked for")
    return f"hello {name}", len(loud)


@pipeline(tags=["demo"])
def hello(name: str = "world", fail: bool = False) -> Any:
    loud = shout.map(["a", "b", "c"])
    return end(start(name), loud, fail)


@pipeline
def other() -> None:
    start("other")


@pytest.fixture(autouse=True, scope="class")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs 1 and 2 of ``hello``, of which the second failed, and one of ``other``; Ann ran them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNLORE_HOME", str(tmp_path_factory.mktemp("hello")))
        for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            patch.setenv(variable, "ann")
        user_name.cache_clear()
        hello()
        with pytest.raises(RuntimeError):
            hello(fail=True)
        other()
        yield
    user_name.cache_clear()


class TestInstantiating:
    """Instantiating objects."""

    def test_every_level_from_its_pathspec(self) -> None:
        """One pathspec names an object at any level of the hierarchy."""
        client = Client()

        found = [
            client["hello"],
            client["hello/2"],
            client["hello/1/start"],
            client["hello/1/start/0"],
            client["hello/1/start/0/name"],
        ]

        assert [type(thing) for thing in found] == [Pipeline, Run, Step, Task, ArtifactVersion]
        assert [thing.pathspec for thing in found[:4]] == ["hello", "hello/2", "hello/1/start", "hello/1/start/0"]
        assert isinstance(client["artifact:greeting"], Artifact)

    @pytest.mark.parametrize(
        ("pathspec", "error"),
        [
            ("nothing", NotFound),
            ("hello/7", NotFound),
            ("hello/1/nothing", NotFound),
            ("hello/1/start/4", NotFound),
            ("hello/1/start/0/nothing", NotFound),
            ("a/b/c/d/e/f", PathspecInvalid),
            ("hello/", PathspecInvalid),
            ("", PathspecInvalid),
            ("Hello/1", NotFound),
            ("1/start", Ambiguous),
        ],
    )
    def test_what_is_not_there(self, pathspec: str, error: type[Exception]) -> None:
        """What is absent, and what is no pathspec, are errors of two types."""
        with pytest.raises(error):
            Client()[pathspec]


class TestListing:
    """Listing objects."""

    def test_each_object_is_walked_over(self) -> None:
        """A pipeline gives runs, the newest first; a run steps, as declared; a step tasks; a task what it made."""
        client = Client()
        run = client["hello/1"]

        assert [pipeline.name for pipeline in client] == ["hello", "other"]
        assert [run.number for run in client["hello"]] == [2, 1]
        assert [step.name for step in run] == ["shout", "start", "end"]
        assert [task.index for task in run["shout"]] == [0, 1, 2]
        assert [version.name for version in run["end"].task] == ["greeting", "length"]


class TestAccessingChildren:
    """Accessing children."""

    def test_brackets_all_the_way(self) -> None:
        """`Flow('HelloFlow')['2']['start']['1']`, down to the value."""
        assert Client()["hello"]["1"]["start"]["0"]["name"].data == "world"

    def test_in(self) -> None:
        """`if '2' in Flow('HelloFlow')` is a question that every level answers."""
        client = Client()
        run = client["hello/1"]

        assert "2" in client["hello"] and 2 in client["hello"] and "3" not in client["hello"]
        assert "hello" in client and "nothing" not in client
        assert "start" in run and "0" in run["start"] and "name" in run["start"]["0"]
        assert client["hello/1"] == run and hash(client["hello/1"]) == hash(run) and run in client["hello"]
        with pytest.raises(KeyError):
            run["nothing"]


class TestCommonAttributes:
    """Common attributes."""

    def test_tags_of_a_run_show_on_what_is_in_it(self) -> None:
        """All, the user's and the system's tags are sets, the same for a run and what is below it."""
        run = Client()["hello/1"]
        for thing in (run, run["start"], run["start"].task, run["start"].task["name"]):
            assert thing.user_tags == {"demo"}, thing
            assert {"user:ann", "pipeline:hello"} < thing.system_tags, thing
            assert thing.all_tags == thing.user_tags | thing.system_tags, thing
            assert isinstance(thing.user_tags, frozenset)

    def test_times(self) -> None:
        """Each tells when it was created, aware and in UTC."""
        run = Client()["hello/1"]
        for thing in (run, run["start"], run["start"].task, run["start"].task["name"]):
            assert thing.created_at.tzinfo is UTC and thing.created_at <= thing.finished_at < datetime.now(UTC), thing

    def test_way_up(self) -> None:
        """`parent` goes one level up, `path_components` and `pathspec` tell the place."""
        task = Client()["hello/1/start/0"]

        assert task.parent.parent.parent == Client()["hello"] and task.parent.parent.parent.parent == Client()
        assert task["name"].task == task
        assert task.path_components == ["hello", "1", "start", "0"]
        assert "/".join(task.path_components) == task.pathspec

    def test_origin(self) -> None:
        """What was taken over tells from where; what was computed has no origin."""
        again = hello()

        assert again["start"].origin_pathspec == "hello/1/start"
        assert again["start"].task.origin_pathspec == "hello/1/start/0"
        assert again["shout"][2].origin_pathspec == "hello/1/shout/2"
        first = Client()["hello/1"]
        for computed in (first, first["start"], first["start"].task, first["start"].task["name"]):
            assert computed.origin_pathspec is None


class TestVisibility:
    """Object visibility, and the namespace functions."""

    def test_only_what_is_in_the_namespace(self) -> None:
        """What has not the tag is hidden; everything is the default, and what is nowhere is another error."""
        client = Client()["hello/2"].parent.parent
        assert client.namespace is None
        ann, nobody = client.in_namespace("user:ann"), client.in_namespace("user:bob")

        assert len(ann["hello"].runs) == 2 and [pipeline.name for pipeline in ann] == ["hello", "other"]
        assert list(nobody) == [] and "hello/1" not in nobody
        with pytest.raises(NamespaceMismatch):
            nobody["hello/1"]
        with pytest.raises(NotFound):
            nobody["hello/7"]

    def test_switching_and_going_back(self) -> None:
        """A block switches for all clients made in it, tells the namespace, and gives the one before back."""
        Client()["hello/1"].add_tag("production")
        with use_namespace("production") as looking:
            assert looking == Client().namespace == "production"
            assert [run.number for run in Client().runs()] == [1]
            with use_namespace(None):
                assert len(Client().runs()) == 3
        assert Client().namespace is None


class TestMetaflow:
    """Metaflow."""

    def test_all_flows(self) -> None:
        """`Metaflow().flows` are the client's pipelines."""
        assert [found.name for found in Client().pipelines] == ["hello", "other"]
        assert Client().pipelines == list(Client())


class TestFlow:
    """Flow."""

    def test_latest_runs(self) -> None:
        """The latest run whatever became of it, and the latest that was successful."""
        flow = Client()["hello"]

        assert (flow.last_run.number, flow.last_successful_run.number) == (2, 1)
        assert (flow["latest"].number, flow["latest-successful"].number) == (2, 1)

    def test_runs_with_all_of_several_tags(self) -> None:
        """`Flow.runs(*tags)`: the runs that have all of them, given by people or by the system."""
        flow = Client()["hello"]
        flow[1].add_tags("good", "checked")
        flow[2].add_tag("good")

        assert [run.number for run in flow.get_runs()] == [2, 1]
        assert [run.number for run in flow.get_runs(tags=["good", "checked", "user:ann"])] == [1]
        assert [run.number for run in flow.get_runs(tag="good")] == [2, 1]
        assert not flow.get_runs(tags=["good", "nothing"])


class TestRun:
    """Run."""

    def test_what_became_of_it(self) -> None:
        """A failed run is finished, not successful, and has a time at which it ended."""
        good, bad = Client()["hello/1"], Client()["hello/2"]

        assert (good.successful, good.finished, bad.successful, bad.finished) == (True, True, False, True)
        assert good.finished_at > good.created_at and bad.finished_at > bad.created_at
        assert bad.status == "failed"

    def test_data(self) -> None:
        """`Run.data` is what the run produced, by name; `end_task` is the task of an output."""
        run = Client()["hello/1"]

        assert [run.data[name] for name in run.data] == ["hello world", 3]
        assert run.outputs and {version.task.pathspec for version in run.outputs.values()} == {"hello/1/end/0"}

    def test_add_tags(self) -> None:
        """One or several; one that the system gave is passed over without an error."""
        run = other()
        run.add_tag("one")
        run.add_tags(["two", "three"])
        run.add_tag("user:ann")

        assert run.user_tags == {"one", "two", "three"} and "user:ann" in run.system_tags

    def test_remove_tags(self) -> None:
        """What is not there is no error; what the system gave is one, and then nothing is removed."""
        run = other()
        run.add_tags(["one", "two"])
        run.remove_tag("absent")
        run.remove_tags(["two", "absent"])
        with pytest.raises(TagProtected):
            run.remove_tag("user:ann")
        with pytest.raises(TagProtected):
            run.remove_tags(["one", "user:ann"])

        assert run.user_tags == {"one"}

    def test_replace_tags(self) -> None:
        """Removal comes first, and both happen or neither."""
        run = other()
        run.replace_tag("absent", "real")
        run.replace_tags(["real", "absent"], ["real", "final"])
        with pytest.raises(TagProtected):
            run.replace_tags(["real", "user:ann"], ["never"])

        assert run.user_tags == {"real", "final"}


class TestStep:
    """Step."""

    def test_tasks(self) -> None:
        """The only task, or the first of several; a time at which the last one finished."""
        run = Client()["hello/1"]

        assert run["start"].task == run["start"]["0"] and run["shout"].task.index == 0
        assert run["shout"].finished_at >= max(task.finished_at for task in run["shout"])


class TestTask:
    """Task."""

    def test_what_it_made(self) -> None:
        """Values by attribute, versions by name, and whether there is one."""
        task = Client()["hello/1/end/0"]

        assert (task.data.greeting, task.data.length) == ("hello world", 3)
        assert "greeting" in task.data and "nothing" not in task.data
        assert list(task.artifacts) == ["greeting", "length"]
        assert task["greeting"].data == task.artifacts["greeting"].load() == "hello world"
        assert Client()["hello/1/shout/2"].data.loud == "C"

    def test_what_became_of_it(self) -> None:
        """A task that failed is finished, not successful, and kept its error."""
        good, bad = Client()["hello/1/end/0"], Client()["hello/2/end/0"]

        assert (good.successful, good.finished, bad.successful, bad.finished) == (True, True, False, True)
        assert bad.finished_at is not None and list(bad) == []


class TestDataArtifact:
    """DataArtifact and MetaflowData."""

    def test_value_and_identity(self) -> None:
        """The value, an identity that equal content shares, and the time that it was made."""
        version = Client()["hello/1/start/0/name"]

        assert version.data == "world"
        hello(name="someone")
        assert version.digest != Client()["hello/latest/start/0/name"].digest
        hello(name="world")
        assert version.digest == Client()["hello/latest/start/0/name"].digest
        assert version.finished_at == version.created_at

    def test_dot_notation(self) -> None:
        """`Task(...).data.my_object`, and a question for what there is."""
        data = Client()["hello/1/end/0"].data

        assert "length" in data and data.length == 3 and sorted(data) == ["greeting", "length"]
        with pytest.raises(AttributeError, match="Did you mean 'length'"):
            data.lenght
