"""Running pipelines for real: SQLite record, local blobs, this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import pytest

from runlore import ArtifactConfig, ExternalArtifact, get_step_context, pipeline, step
from runlore.author.current import use_workspace
from runlore.errors import AlreadyExists, StepContextError, TypeMismatch, ValueUnstorable
from runlore.settings import Settings
from runlore.workspace import Workspace, save_artifact


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of its own, in force for the test."""
    opened = Workspace.open(Settings(home=tmp_path / "home", user_folder=tmp_path / "user", progress="quiet"))
    with use_workspace(opened):
        yield opened
    opened.close()


@step
def numbers(n: int = 3) -> list[int]:
    return list(range(n))


@step
def double(x: int) -> int:
    return 2 * x


@step
def total(xs: list[int]) -> Annotated[int, "total"]:
    return sum(xs)


@pipeline
def doubling(n: int = 3) -> Any:
    return total(double.map(numbers(n)))


def test_a_pipeline_runs_and_its_results_load(workspace: Workspace) -> None:
    """A run is completed, its steps stand in declared order, and every output loads."""
    run = doubling(n=4)

    assert run.status == "completed"
    assert list(run.steps) == ["numbers", "double", "total"]
    assert run.steps["double"].output.load() == [0, 2, 4, 6]
    assert run.steps["total"].outputs["total"].load() == 12
    assert run.config.parameters == {"n": 4}


def test_the_same_again_is_cached_and_a_change_reruns(workspace: Workspace) -> None:
    """An unchanged pipeline is served from the cache whole; with a changed parameter only equal items are."""
    doubling(n=3)
    again, more = doubling(n=3), doubling(n=4)

    assert again.status == "cached"
    assert again.steps["total"].output.load() == 6
    assert more.status == "completed"
    assert [task.status for task in more.steps["double"].tasks] == ["cached"] * 3 + ["completed"]


def test_a_run_is_never_served_from_itself(workspace: Workspace) -> None:
    """Two identical calls in one run are two draws, in the cached run as well."""

    @step
    def draw() -> bytes:
        return os.urandom(8)

    @pipeline
    def drawing() -> None:
        draw()
        draw()

    first, second = drawing(), drawing()

    values = [one.output.load() for one in first.steps.values()]
    assert values[0] != values[1]
    assert [one.output.load() for one in second.steps.values()] == values
    assert second.status == "cached"


def test_the_original_exception_reaches_the_caller(workspace: Workspace) -> None:
    """A failing step raises its own exception with run and step in the notes; others go on, dependants are skipped."""
    error = ValueError("no data")

    @step
    def fails() -> int:
        raise error

    @step
    def after(x: int) -> int:
        return x

    @pipeline
    def broken() -> None:
        after(fails())
        numbers()

    with pytest.raises(ValueError, match="no data") as caught:
        broken()

    assert caught.value is error
    assert "step 'fails'" in error.__notes__[0]
    run = workspace.client.get_pipeline("broken").last_run
    assert run.status == "failed"
    assert [one.status for one in run.steps.values()] == ["failed", "skipped", "completed"]


def test_load_in_the_body_runs_what_it_needs(workspace: Workspace) -> None:
    """``load()`` gives the value, so ordinary ``if`` and ``for`` decide over what runs next."""

    @pipeline
    def adaptive(n: int) -> None:
        for value in numbers(n).load():
            if value % 2:
                double(value)

    run = adaptive(n=4)

    assert list(run.steps) == ["numbers", "double", "double_2"]
    assert run.steps["double_2"].output.load() == 6


def test_an_error_that_the_body_catches_does_not_fail_the_run(workspace: Workspace) -> None:
    """A step's error raised by ``load()`` may be handled by the body; it stays recorded."""

    @step
    def fails() -> int:
        raise KeyError("gone")

    @pipeline
    def careful() -> None:
        try:
            fails().load()
        except KeyError:
            numbers(1)

    run = careful()

    assert run.status == "completed"
    assert run.steps["fails"].status == "failed"


def test_a_body_that_raises_fails_the_run(workspace: Workspace) -> None:
    """What the body itself raises after work has started ends the run as failed and reaches the caller."""

    @pipeline
    def odd() -> None:
        numbers(1).load()
        raise LookupError("odd")

    with pytest.raises(LookupError):
        odd()

    assert workspace.client.get_pipeline("odd").last_run.status == "failed"
    assert workspace.record.leases() == ()


def test_wrong_results_are_refused_and_kept(workspace: Workspace) -> None:
    """A result of another type than annotated fails the step, and the value is not lost."""

    @step
    def wrong() -> int:
        return "text"  # type: ignore[return-value]

    @pipeline
    def typed() -> None:
        wrong()

    with pytest.raises(TypeMismatch, match="'output' of step 'wrong'"):
        typed()

    assert workspace.client.get_artifact_version("typed::wrong::mismatched_output").load() == "text"


def test_wrong_number_of_outputs(workspace: Workspace) -> None:
    """A tuple of another length than annotated is an error that names the outputs."""

    @step
    def pair() -> tuple[Annotated[int, "a"], Annotated[int, "b"]]:
        return (1,)  # type: ignore[return-value]

    @pipeline
    def pairs() -> None:
        pair()

    with pytest.raises(TypeMismatch, match="2 outputs \\('a', 'b'\\)"):
        pairs()


def test_a_mutation_does_not_leak(workspace: Workspace) -> None:
    """Each consumer gets its own copy of a value that it could change."""

    @step(enable_cache=False)
    def spoil(xs: list[int]) -> int:
        xs.clear()
        return len(xs)

    @pipeline
    def leaking() -> None:
        xs = numbers(3)
        spoil(xs)
        total(xs)

    assert leaking().steps["total"].output.load() == 3


def test_the_context_of_a_step(workspace: Workspace) -> None:
    """A step can name its run, note metadata on itself and its output, tag it, and save more artifacts."""
    seen: list[str] = []

    @step
    def noting() -> Annotated[int, "noted"]:
        context = get_step_context()
        seen.append(context.pipeline_run.name)
        context.log_metadata({"accuracy": 0.9})
        context.add_output_metadata({"rows": 3})
        context.add_output_tags(["good"])
        save_artifact([1, 2], "extra")
        return 1

    @pipeline
    def notes() -> None:
        noting()

    run = notes()

    one = run.steps["noting"]
    assert seen == [run.name]
    assert one.metadata["accuracy"] == 0.9
    assert one.output.run_metadata["rows"].value == 3
    assert "good" in one.output.tags
    assert list(one.outputs) == ["noted"]
    assert one.saved_artifacts["extra"].load() == [1, 2]


def test_there_is_no_context_outside_a_step() -> None:
    """Asking for the context elsewhere is an error that says where it works."""
    with pytest.raises(StepContextError, match="body of a step"):
        get_step_context()


def test_external_values_are_saved_and_never_cached(workspace: Workspace) -> None:
    """A value from outside becomes an artifact, and the step that takes it runs every time."""

    @pipeline
    def outside() -> None:
        total(ExternalArtifact(value=[1, 2, 3]))

    first, second = outside(), outside()

    assert (first.status, second.status) == ("completed", "completed")
    assert second.steps["total"].inputs["xs"].load() == [1, 2, 3]


def test_a_custom_version_is_made_once_and_checked_before_work(workspace: Workspace) -> None:
    """A taken custom version is an error before any step runs; a cached rerun makes none and passes."""

    @step
    def release(n: int) -> Annotated[int, ArtifactConfig(name="released", version="raw_2023")]:
        return n

    @pipeline
    def releasing(n: int) -> None:
        release(n)

    assert releasing(1).steps["release"].output.version == "raw_2023"
    assert releasing(1).status == "cached"
    with pytest.raises(AlreadyExists, match="raw_2023"):
        releasing(2)
    assert releasing.model.num_runs == 2


def test_hooks_are_told(workspace: Workspace) -> None:
    """``on_failure`` gets the exception, ``on_success`` nothing; what a hook raises changes nothing."""
    told: list[Any] = []

    def broken_hook() -> None:
        told.append("success")
        raise RuntimeError("hook")

    @step(on_failure=told.append)
    def fails() -> int:
        raise ValueError("x")

    @step(on_success=broken_hook)
    def works() -> int:
        return 1

    @pipeline
    def hooked() -> None:
        works()
        fails()

    with pytest.raises(ValueError, match="x"):
        hooked()

    assert told[0] == "success" and isinstance(told[1], ValueError)
    assert workspace.client.get_pipeline("hooked").last_run.steps["works"].status == "completed"


def test_interrupting_cancels(workspace: Workspace) -> None:
    """Ctrl-C in a step cancels the run, keeps what is finished, and reaches the caller."""

    @step
    def interrupted() -> int:
        raise KeyboardInterrupt

    @pipeline
    def stopped() -> None:
        numbers()
        interrupted()
        double(1)

    with pytest.raises(KeyboardInterrupt):
        stopped()

    run = workspace.client.get_pipeline("stopped").last_run
    assert run.status == "cancelled"
    assert [one.status for one in run.steps.values()] == ["completed", "cancelled", "cancelled"]


def test_output_is_kept_as_log(workspace: Workspace) -> None:
    """What a step prints can be read back."""

    @step
    def talks() -> None:
        print("hello", 1)

    @pipeline
    def talking() -> None:
        talks()

    assert "hello 1" in str(talking().steps["talks"].logs)


def test_a_damaged_result_is_a_miss(workspace: Workspace) -> None:
    """A cached result whose bytes are damaged runs again instead of coming back wrong."""

    @step
    def large() -> bytes:
        return b"x" * 100_000

    @pipeline
    def storing() -> None:
        large()

    version = storing().steps["large"].output
    path = workspace.blobs.path(version.digest)
    path.chmod(0o600)
    path.write_bytes(b"y" * path.stat().st_size)

    again = storing()
    assert again.status == "completed"
    assert again.steps["large"].output.load() == b"x" * 100_000


def test_a_killed_run_reads_interrupted(tmp_path: Path) -> None:
    """After SIGKILL the run is ``interrupted`` at the next opening; steps seen to have finished serve the next.

    Looking at the run is what makes sure of it here: work of a few microseconds may wait for company (`ledger.GROUP`).
    """
    script = tmp_path / "flow.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, signal, sys
            from runlore import get_step_context, step, pipeline

            @step
            def first() -> int:
                return 1

            @step
            def second(x: int) -> int:
                if "die" in sys.argv:
                    assert get_step_context().pipeline_run.steps["first"].status == "completed"
                    os.kill(os.getpid(), signal.SIGKILL)
                return x + 1

            @pipeline
            def dying():
                second(first())

            run = dying()
            print([str(s.status) for s in run.steps.values()], dying.model.runs[1].status)
            """
        )
    )
    environ = {**os.environ, "RUNLORE_HOME": str(tmp_path / "home"), "RUNLORE_PROGRESS": "quiet"}
    dead = subprocess.run([sys.executable, str(script), "die"], env=environ, capture_output=True, text=True)
    assert dead.returncode == -signal.SIGKILL, dead.stderr

    done = subprocess.run([sys.executable, str(script)], env=environ, capture_output=True, text=True)
    assert done.stdout.strip() == "['cached', 'completed'] interrupted", done.stderr


def test_plan_tells_what_would_be_cached(workspace: Workspace) -> None:
    """``plan()`` runs and records nothing and says step by step whether the cache would serve."""

    @pipeline
    def planned(n: int) -> None:
        total(numbers(n))

    before = planned.plan(2)
    planned(2)
    after = planned.plan(2)

    assert [one.cached for one in before] == [False, None]
    assert [one.cached for one in after] == [True, True]
    assert planned.model.num_runs == 1


class Model:
    """A class of the project, which is stored by pickle."""

    def __init__(self, weight: int) -> None:
        self.weight = weight

    def score(self) -> int:
        return self.weight


@step
def make_model() -> Model:
    return Model(3)


@step
def score_model(model: Model) -> int:
    return model.score()


@pipeline
def scoring() -> None:
    score_model(make_model())


def test_a_project_class_counts_with_its_code(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickling a value changes nothing about its class, and a changed method makes its consumers run again."""
    scoring()
    same = scoring()
    monkeypatch.setattr(Model, "score", lambda self: 42)
    changed = scoring()

    assert same.status == "cached"
    assert changed.steps["score_model"].status == "completed"
    assert changed.steps["score_model"].output.load() == 42


def test_a_lookup_in_a_step_is_an_input(workspace: Workspace) -> None:
    """A step that looks something up by name is not served once the name means another version, and says so."""

    @step
    def reads() -> int:
        from runlore.client import Client

        return int(Client().get_artifact_version("base").load())

    @pipeline
    def reading() -> None:
        reads()

    save_artifact(1, "base")
    reading()
    save_artifact(2, "base")
    again = reading()

    assert again.steps["reads"].output.load() == 2
    assert "artifact 'base' resolved to version 1 then and 2 now" in str(again.steps["reads"].explain())


def test_a_recorded_version_in_the_body_is_an_input(workspace: Workspace) -> None:
    """A version fetched in the body shows among the inputs, and the step that takes it can be cached."""

    @pipeline
    def using() -> None:
        total(workspace.client.get_artifact_version("given"))

    made = save_artifact([1, 2], "given")
    first, second = using(), using()

    assert first.steps["total"].inputs["xs"].id == made.id
    assert second.status == "cached"


@dataclass
class Options:
    """A parameter of the project's own class."""

    rate: int

    def doubled(self) -> int:
        return 2 * self.rate


@step
def apply(options: Any) -> int:
    return int(options.doubled())


@pipeline
def applying() -> None:
    apply(Options(2))


def test_the_code_of_a_parameter_counts(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed method of a parameter's class makes the step run again."""
    applying()
    same = applying()
    monkeypatch.setattr(Options, "doubled", lambda self: 0)
    changed = applying()

    assert same.status == "cached"
    assert changed.steps["apply"].output.load() == 0


def test_an_output_that_cannot_be_stored_is_named(workspace: Workspace) -> None:
    """A value that nothing can store fails its step with an error that names the output and says what to do."""

    @step
    def lock():  # type: ignore[no-untyped-def]
        return threading.Lock()

    @pipeline
    def locking() -> None:
        lock()

    with pytest.raises(ValueUnstorable, match="Materializer") as caught:
        locking()

    assert any("output 'output' of step 'lock'" in note for note in caught.value.__notes__)


def test_declared_extras_count_and_are_explained(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Declared files and environment variables are part of the key; ``explain`` names them, their values stay out."""
    data = tmp_path / "data.csv"
    data.write_text("1")
    values = [uuid4().hex, uuid4().hex]  # made here, as the source of this file is kept with the run
    monkeypatch.setenv("DATA_TOKEN", values[0])

    @step(cache_files=[str(data)], cache_env=["DATA_TOKEN"])
    def read() -> int:
        return 1

    @pipeline
    def reading_file() -> None:
        read()

    reading_file()
    assert reading_file().status == "cached"
    data.write_text("2")
    by_file = reading_file()
    monkeypatch.setenv("DATA_TOKEN", values[1])
    by_variable = reading_file()

    assert f"file:{data}" in str(by_file.steps["read"].explain())
    assert "env:DATA_TOKEN" in str(by_variable.steps["read"].explain())
    workspace.close()  # nobody but SQLite opens the file of an open database
    files = [file for file in workspace.settings.home.rglob("*") if file.is_file()]
    content = b"".join(file.read_bytes() for file in files)
    assert b"def reading_file" in content
    assert not any(value.encode() in content for value in values)


@step
def make_options() -> list[Any]:
    return [Options(1)]


@step
def make_models() -> list[Any]:
    return [Model(1)]


@step
def use_first(xs: Any) -> int:
    first = xs[0]
    return int(first.doubled() if hasattr(first, "doubled") else first.score())


@pipeline
def nested_values() -> None:
    use_first(make_options())
    use_first(make_models())


def test_classes_inside_containers_count_with_their_code(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed method of a class whose instances are inside a stored list makes its consumers run again."""
    nested_values()
    same = nested_values()
    monkeypatch.setattr(Options, "doubled", lambda self: 42)
    monkeypatch.setattr(Model, "score", lambda self: 43)
    changed = nested_values()

    assert same.status == "cached"
    assert [changed.steps[name].output.load() for name in ("use_first", "use_first_2")] == [42, 43]


def test_an_interrupt_while_the_beginning_is_told_ends_the_run(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the moment in which progress tells of a new run leaves none that reads `running`."""

    class Interrupted:
        def __enter__(self) -> None: ...

        def __exit__(self, *error: object) -> None: ...

        def handle(self, event: object) -> None:
            if type(event).__name__ == "RunStarted":
                raise KeyboardInterrupt

    monkeypatch.setitem(workspace.__dict__, "_progress", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        doubling()

    assert workspace.client.get_pipeline("doubling").last_run.status == "cancelled"
    assert workspace.record.leases() == ()


def test_what_a_step_catches_of_the_record_is_not_lost(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused commit that a step's own `except` swallows still fails the run, which has lost results by it."""

    @step
    def quick() -> int:
        return 1

    @step
    def careless(x: int) -> int:
        with contextlib.suppress(AlreadyExists):
            list(workspace.client.list_pipeline_runs())
        return x

    @pipeline
    def losing() -> None:
        careless(quick())

    commit = workspace.record.commit

    def refusing(changes: Any, **options: Any) -> Any:
        if any(type(change).__name__ == "TaskFinished" for change in changes):
            raise AlreadyExists("taken meanwhile")
        return commit(changes, **options)

    monkeypatch.setattr(workspace.record, "commit", refusing)
    with pytest.raises(AlreadyExists, match="taken meanwhile"):
        losing()

    assert workspace.client.get_pipeline("losing").last_run.status == "failed"
