"""Metaflow's client API, what a task was made of: logs, code, triggers and stores, on native handles."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import nbformat
import pytest
from nbclient import NotebookClient

from runlore import Client, TriggerEvent, get_workspace, pipeline, set_workspace, step, use_workspace
from runlore.errors import ConfigurationError, NotFound


@step
def start(rows: int) -> Annotated[list[int], "numbers"]:
    print("reading", rows)
    print("careful", file=sys.stderr)
    return list(range(rows))


@step
def end(numbers: list[int]) -> Annotated[int, "total"]:
    if len(numbers) > 9:
        raise ValueError("too many", len(numbers))
    print("adding up")
    return sum(numbers)


@pipeline
def hello(rows: int = 3) -> Any:
    return end(start(rows))


@pytest.fixture(scope="class")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Runs 1 and 2 of ``hello``, of which the second took all from the first, and 3, which failed."""
    home = tmp_path_factory.mktemp("hello")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNLORE_HOME", str(home))
        hello()
        hello()
        with pytest.raises(ValueError, match="too many"):
            hello(10)
        yield home


@pytest.mark.usefixtures("record")
class TestTask:
    """``Task('HelloFlow/2/start/1')`` is ``client.get("hello/2/start/0")``."""

    def test_metadata(self) -> None:
        """``metadata`` is ``task.events``, and ``metadata_dict`` is ``task.metadata``, with real values."""
        task = Client().get("hello/1/start/0")

        assert {"attempt", "status", "user", "host", "python", "code", "duration", "log"} <= {
            e.name for e in task.events
        }
        assert all(event.created.tzinfo is UTC and event.type == type(event.value).__name__ for event in task.events)
        assert task.metadata["status"] == "completed" and task.metadata["attempt"] == 0
        assert "origin" not in task.metadata

    def test_data_and_artifacts(self) -> None:
        """``data`` gives values by attribute and loads each when it is looked at; ``artifacts`` gives the versions."""
        task = Client().get("hello/1/start/0")

        assert task.data.numbers == [0, 1, 2] and "numbers" in task.data and "other" not in task.data
        assert task.artifacts["numbers"].load() == [0, 1, 2]

    def test_ends(self) -> None:
        """A task that failed has finished, was not successful, and has a time at which it ended; times are in UTC."""
        for place, successful in (("hello/1/end/0", True), ("hello/2/end/0", True), ("hello/3/end/0", False)):
            task = Client().get(place)
            assert (task.finished, task.successful) == (True, successful)
            assert task.finished_at.utcoffset() == timedelta(0)

    def test_exception(self) -> None:
        """What a task raised is there as type, text and traceback, and as the object that it was."""
        exception = Client().get("hello/3/end/0").exception

        assert (exception.type, exception.message) == ("builtins.ValueError", "('too many', 10)")
        assert "in end" in exception.traceback
        assert exception.load().args == ("too many", 10)
        assert Client().get("hello/1/end/0").exception is None

    def test_output(self) -> None:
        """``stdout`` and ``stderr`` are texts; a task that took its result over shows the origin's, and says so."""
        first, second = Client().get("hello/1/start/0"), Client().get("hello/2/start/0")

        assert (first.stdout, first.stderr, first.logs_from) == ("reading 3\n", "careful\n", None)
        assert (second.stdout, second.stderr, second.logs_from) == ("reading 3\n", "careful\n", "hello/1/start/0")

    def test_attempts(self) -> None:
        """``attempt=0`` is the first; one that never was is not found."""
        client = Client()

        assert client.get("hello/1/start/0", attempt=0).attempts == (client.get("hello/1/start/0"),)
        with pytest.raises(NotFound, match="there is attempt 0, counted from 0"):
            client.get("hello/1/start/0", attempt=4)

    def test_environment_info(self) -> None:
        """``environment_info`` is ``environment``, a dict on run, step and task, also of local runs."""
        run = Client().get("hello/1")

        assert (
            run.environment["python"] == run["start"].environment["python"] == run["start"].task.environment["python"]
        )

    def test_origin(self) -> None:
        """``origin_pathspec`` is set for what was taken over, and for that only."""
        client = Client()

        assert client.get("hello/2/start/0").origin_pathspec == "hello/1/start/0"
        assert client.get("hello/2/start").origin_pathspec == "hello/1/start"
        untouched = ("hello/1", "hello/1/start", "hello/1/start/0", "hello/3/start", "hello/3/start/0")
        assert [client.get(place).origin_pathspec for place in untouched] == [None] * len(untouched)

    def test_loglines(self) -> None:
        """Lines are pairs of a time in UTC and a text, or bytes; whatever else is known comes when asked for."""
        task = Client().get("hello/1/start/0")

        ((time, text),) = task.loglines("stdout")
        assert text == "reading 3" and task.started <= time <= task.ended and time.tzinfo is UTC
        assert [line for _, line in task.loglines("stderr", text=False)] == [b"careful"]
        ((_, _, meta),) = task.loglines("stderr", meta=True)
        assert (meta["stream"], meta["source"], meta["attempt"]) == ("stderr", "hello/1/start/0", 0)
        with pytest.raises(ValueError, match="'stdout', 'stderr', 'logging'"):
            task.loglines("output")
        assert [line.source for line in Client().get("hello/1").loglines("stdout")] == [
            "hello/1/start/0",
            "hello/1/end/0",
        ]


WAITING = """
import sys
from runlore import pipeline, step

@step
def talk() -> None:
    print("one")
    heard = sys.stdin.readline()
    print("heard", heard.strip())
    print("careful", file=sys.stderr)

@pipeline
def talking() -> None:
    talk()

print("ready", flush=True)
talking()
"""


def test_a_log_is_followed_while_another_process_writes_it(home: Path, tmp_path: Path) -> None:
    """What a step has printed is read while it waits for something, what it prints next comes too, and then the end."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        while process.stdout.readline() != "one\n":
            pass
        run = Client().get("talking/latest")
        lines = run.follow_logs(poll=0.01)

        assert next(lines).text == "one" and run.steps["talk"].task.status == "running"
        assert run.steps["talk"].task.stdout == "one\n"
        process.stdin.write("me\n")
        process.stdin.close()
        assert [(line.stream, line.text) for line in lines] == [("stdout", "heard me"), ("stderr", "careful")]
        assert run.successful


@pytest.mark.usefixtures("record")
class TestMetaflowCode:
    """``Run(...).code`` is there for local runs as well."""

    def test_source_and_tree(self) -> None:
        """``flowspec`` is ``code.entry``; the tree is a mapping of paths to texts."""
        code = Client().get("hello/1").code
        name = next(path for path in code if path.endswith("test_seed_002_provenance.py"))

        assert code.entry == code[name] == Path(__file__).read_text()
        assert code.info["files"] == len(code) and code.info["path"] == code.path
        assert dict(Client().get("hello/2/end/0").code) == dict(code)

    def test_tarball(self) -> None:
        """``tarball`` is a `tarfile.TarFile` with all of it."""
        code = Client().get("hello/1").code

        with code.tarball as archive:
            assert isinstance(archive, tarfile.TarFile) and sorted(archive.getnames()) == sorted(code)
            member = archive.extractfile(next(name for name in code if name.endswith("provenance.py")))
            assert member is not None and member.read() == Path(__file__).read_bytes()

    def test_extract(self, tmp_path: Path) -> None:
        """The tree is written to a folder, where nothing is replaced unless that is asked for."""
        code = Client().get("hello/1").code
        folder = code.extract(tmp_path / "code")

        assert {path: (folder / path).read_text() for path in code} == dict(code)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_code_of_a_notebook(home: Path, tmp_path: Path) -> None:
    """A run of a notebook has the cell that defined its pipeline, as it was when it ran."""
    cells = [
        "from runlore import pipeline, step\n@step\ndef double(x: int) -> int:\n    return 2 * x",
        "@pipeline\ndef doubling(x: int = 1):\n    double(x)",
        "code = doubling().code\nprint(code.entry)\nprint(len(code.cells))",
    ]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(made, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()

    (printed,) = [output.text for output in made.cells[-1].outputs if output.get("name") == "stdout"]
    assert printed.split() == f"{cells[1]}\n2".split()


@step
def refresh() -> int:
    return hello(2).output.load()


@pipeline
def nightly() -> Any:
    return refresh()


@pytest.mark.usefixtures("record")
class TestMetaflowTrigger:
    """``run.trigger`` tells what started a run."""

    def test_events(self) -> None:
        """``event`` and ``events`` have name, id, timestamp and type; the latest comes first."""
        early = TriggerEvent(name="data_ready", timestamp=datetime(2026, 1, 1, tzinfo=UTC), payload={"rows": 4})
        late = TriggerEvent(name="model_ready", timestamp=datetime(2026, 1, 2, tzinfo=UTC), id="m-7")
        trigger = hello.with_options(trigger=[early, late])(4).trigger

        assert trigger.event.name == "model_ready" and [event.name for event in trigger] == [
            "model_ready",
            "data_ready",
        ]
        event = trigger["data_ready"]
        assert (event.type, event.timestamp, event.payload) == ("event", early.timestamp, {"rows": 4})
        assert event.id and trigger["model_ready"].id == "m-7"
        assert trigger.run is None and trigger.runs == ()

    def test_runs(self) -> None:
        """A run that a step started names the run that did; the key is the name of its pipeline."""
        parent = nightly()
        (started,) = parent.triggered

        assert started.trigger.run == started.trigger["nightly"] == parent and started.trigger.runs == (parent,)
        assert started.trigger.event.type == "run" and started.trigger.event.id == str(parent.id)
        assert "nightly" in started.trigger and "hello" not in started.trigger

    def test_an_event_beside_a_run(self) -> None:
        """Both an event and a run are found by their names, when both started the run."""
        before = Client().get("hello/1")
        trigger = hello.with_options(trigger=["data_ready", before])(5).trigger

        assert trigger["data_ready"].type == "event" and trigger["hello"] == before
        assert Client().get("hello/1").trigger is None


class TestMetadataFunctions:
    """``metadata(path)``, ``get_metadata()`` and ``default_metadata()``."""

    @pytest.fixture(autouse=True)
    def _back(self, home: Path) -> Iterator[None]:
        yield
        set_workspace(None)

    def test_switch_look_and_back(self, record: Path, home: Path) -> None:
        """`set_workspace` switches for all, `get_workspace` says where, ``None`` goes back to what the settings say."""
        before = get_workspace()
        assert before.description == f"{home} (RUNLORE_HOME)"

        assert set_workspace(record).description == get_workspace().description == f"{record} (given)"
        assert Client().get("hello/1").status == "completed"
        assert set_workspace(None) is before and list(Client().runs()) == []

    def test_a_wrong_place_changes_nothing(self, record: Path, tmp_path: Path) -> None:
        """A place that cannot be used is an error, and the old one stays in force, whole."""
        chosen = set_workspace(record)
        for place in (tmp_path / "nothing", "https://example.org/store"):
            with pytest.raises(ConfigurationError):
                set_workspace(place)
        assert get_workspace() is chosen and Client().get("hello/1").successful

    def test_two_at_once(self, record: Path, home: Path) -> None:
        """Handles of two stores are used side by side, each of its own."""
        with use_workspace(record):
            theirs = Client().get("hello/1")
        mine = hello(7)

        assert theirs.steps["start"].output.load() == [0, 1, 2]
        assert mine.steps["start"].output.load() == list(range(7)) and mine.number == 1
        assert list(Client(record).get_pipeline("hello").runs)[-1] == theirs
