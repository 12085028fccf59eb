"""What an attempt raised, what is known of it, and how one of several is found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runlore import Secret, pipeline, step
from runlore.client import Client
from runlore.errors import NotFound, PathspecInvalid, ValueUnloadable
from runlore.model.change import Output, RunFinished, StepFinished, StepsPlanned, StepStarted, TaskFinished
from runlore.model.run import Failure, Usage
from runlore.model.status import Status
from runlore.testing.record_stories import START, at, new_step, new_version

#: The `Book` of this folder's conftest, which cannot be imported by name.
Book = Any


@dataclass
class Limit:
    """Something that an exception holds."""

    degrees: float


class TooHot(ValueError):
    """An exception whose ``__init__`` takes other arguments than it passes on."""

    made = 0

    def __init__(self, limit: Limit, where: str) -> None:
        type(self).made += 1
        super().__init__(f"{where} is over {limit.degrees}")
        self.limit = limit


class Missing(OSError):
    """A built-in exception that fills in its attributes by itself, with one more."""

    hint = "look elsewhere"


def raised(error: BaseException) -> Any:
    """The step whose only task raised ``error``."""

    @step
    def fail() -> None:
        raise error

    @pipeline
    def failing() -> None:
        fail()

    with pytest.raises(type(error)):
        failing()
    return Client().get("failing/latest/fail")


# -- exceptions ------------------------------------------------------------------------------------------------------


def test_an_exception_is_text_until_it_is_loaded(home: Path) -> None:
    """Type, message and traceback are texts; nothing of the exception's class is asked for to show them."""
    failed = raised(TooHot(Limit(3.5), "oven"))
    TooHot.made = 0

    for handle in (failed, failed.tasks[0], failed.run):
        exception = handle.exception
        assert (
            exception.type.endswith("test_attempts.TooHot")
            and exception.message == str(exception) == "oven is over 3.5"
        )
        assert "raise error" in exception.traceback and handle.failure.message == exception.message
        assert "TooHot of failing/1" in repr(exception)
    assert failed.exception == failed.tasks[0].exception


def test_an_exception_is_made_again_with_all_it_held(home: Path) -> None:
    """The object has class, arguments, attributes and notes, and no ``__init__`` of the user's was called for it."""
    failed = raised(TooHot(Limit(3.5), "oven"))
    TooHot.made = 0
    error = failed.exception.load()

    assert type(error) is TooHot and TooHot.made == 0
    assert (error.args, error.limit, str(error)) == (("oven is over 3.5",), Limit(3.5), "oven is over 3.5")
    assert "raised by step 'fail'" in error.__notes__[0]
    assert failed.exception.load() is not error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("wrong", 3, (1, 2)),
        KeyError("name"),
        Missing(2, "No such file", "data.csv"),
        FileNotFoundError(2, "No such file", "data.csv"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        ImportError("no such", name="module", path="/p"),
        ZeroDivisionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_common_exceptions_come_back(error: Exception, home: Path) -> None:
    """Exceptions of Python's own come back with what they say and hold."""
    again = raised(error).exception.load()

    assert type(again) is type(error) and again.args == error.args and str(again) == str(error)
    for name in ("errno", "filename", "start", "name", "path"):
        assert getattr(again, name, None) == getattr(error, name, None)


def test_an_exception_that_cannot_be_made_again_says_why(home: Path) -> None:
    """Of one with a value that only a pickle could keep, or whose class is not there, the texts remain."""

    class Local(Exception):
        pass

    for error, why in ((ValueError(object()), "only a pickle"), (ExceptionGroup("g", [ValueError()]), "only a pickle")):
        exception = raised(error).exception
        with pytest.raises(ValueUnloadable, match=why):
            exception.load()
        assert exception.traceback
    with pytest.raises(ValueUnloadable, match="Local of failing/3/fail cannot be made again"):
        raised(Local()).exception.load()


def test_a_type_that_is_no_exception_is_not_called(book: Book) -> None:
    """A record that names something else as the class of an exception gets it refused."""
    failure = Failure(type="os.system", message="", state='{"args":["exit 1"],"attributes":{}}')
    _attempts(book, failure)

    with pytest.raises(ValueUnloadable, match="no class of exceptions"):
        book.client.get("training/1/train/0", attempt=0).exception.load()


def test_secrets_stay_out_of_exceptions(home: Path) -> None:
    """A secret that an exception holds is in neither its texts nor its arguments and attributes."""

    @step
    def connect(token: str) -> None:
        error = ConnectionError(f"refused for {token}", {"token": token})
        error.token = token  # type: ignore[attr-defined]
        raise error

    @pipeline
    def connecting(token: Secret[str]) -> None:
        connect(token)

    with pytest.raises(ConnectionError):
        connecting("hunter2 hunter2")
    failure = Client().get("connecting/1/connect").failure

    assert "hunter2" not in repr(failure)


# -- attempts --------------------------------------------------------------------------------------------------------


def _attempts(book: Book, failure: Failure) -> None:
    """A run whose step ``train`` failed once and then made ``model``."""
    run, fence = book.begin(user="mia", host="box")
    output = Output(name="model", value=new_version())
    book.workspace.record.commit(
        [
            StepsPlanned(steps=(new_step(0, "train"),)),
            StepStarted(index=0, at=START),
            TaskFinished(step=0, status=Status.FAILED, started=at(0), ended=at(1), failure=failure),
            TaskFinished(
                step=0, attempt=1, status=Status.COMPLETED, started=at(2), ended=at(4), outputs=(output,),
                usage=Usage(wall=2.0, cpu=1.5, memory=1024),
            ),
            StepFinished(index=0, status=Status.COMPLETED, ended=at(4)),
            RunFinished(status=Status.COMPLETED, ended=at(5)),
        ],
        fence=fence,
    )  # fmt: skip


def test_an_attempt_is_found_by_its_number(book: Book) -> None:
    """``attempt=`` gives one try of a task with its status, times, exception and outputs; without it, the last."""
    _attempts(book, Failure(type="builtins.ValueError", message="once"))
    get = book.client.get
    first, last = get("training/1/train/0", attempt=0), get("training/1/train/0", attempt=1)

    assert get("training/1/train/0") == last != first and first.attempts == last.attempts == (first, last)
    assert (first.status, first.exception.message, dict(first.outputs)) == ("failed", "once", {})
    assert (last.status, last.exception, list(last.outputs)) == ("completed", None, ["model"])
    assert (first.started, first.ended, last.started, last.ended) == (at(0), at(1), at(2), at(4))
    assert get("latest/train/0", attempt=0) == first
    assert get("training/1/train/0/model", attempt=1) == get("training/1/train/0/model")


@pytest.mark.parametrize(
    ("pathspec", "attempt", "error", "said"),
    [
        ("training/1/train/0", 2, NotFound, "no attempt 2; there is attempt 0 to 1, counted from 0"),
        ("training/1/train/0", -1, NotFound, "no attempt -1; there is"),
        ("training/1/train/0", True, NotFound, "no attempt True; there is"),
        ("training/1/train/0", "0", NotFound, "no attempt '0'; there is"),
        ("training/1/train/0/model", 0, NotFound, "no output 'model'"),
        ("training/1/train/0/nothing", 1, NotFound, "no output 'nothing'. Did you mean|no output 'nothing'. There is"),
        ("training/1/train", 0, PathspecInvalid, "'training/1/train' is no task"),
        ("training/1", 0, PathspecInvalid, "'training/1' is no task"),
        ("artifact:model@1", 0, PathspecInvalid, "'artifact:model@1' is no task"),
        ("training/9/train/0", 0, NotFound, "9"),
    ],
)
def test_an_attempt_that_there_is_not(book: Book, pathspec: str, attempt: Any, error: Any, said: str) -> None:
    """An unknown attempt is `NotFound` and says which there are; what has no attempts says what has."""
    _attempts(book, Failure(type="builtins.ValueError", message="once"))

    with pytest.raises(error, match=said):
        book.client.get(pathspec, attempt=attempt)


def test_what_is_known_of_a_task_is_told_as_events(book: Book) -> None:
    """A task's events have name, value, type and time, of every attempt; its metadata are the latest by name."""
    _attempts(book, Failure(type="builtins.ValueError", message="once"))
    task = book.client.get("training/1/train/0")

    told = {(event.name, event.attempt): event for event in task.events}
    assert told["status", 0].value == "failed" and told["status", 1].value == "completed"
    assert (told["exception", 0].value, ("exception", 1) in told) == ("builtins.ValueError: once", False)
    assert (told["memory", 1].value, told["memory", 1].type, told["memory", 1].created) == (1024, "int", at(4))
    assert told["user", None].value == "mia" and told["log", 1].value is False
    assert told["attempt", 0].created == at(0) and told["user", None].created == task.run.created
    assert task.metadata["status"] == "completed" and task.metadata["cpu"] == 1.5 and "exception" not in task.metadata
    first = task.attempts[0].metadata
    assert (first["status"], first["attempt"], first["host"]) == ("failed", 0, "box")
    with pytest.raises(NotFound, match="no event 'statos'. Did you mean 'status'"):
        task.metadata["statos"]


@step
def double(number: int) -> int:
    print("doubling")
    return 2 * number


@pipeline
def doubling(number: int = 1) -> None:
    double(number)


def test_events_of_a_task_that_took_its_result_over(home: Path) -> None:
    """A cached task tells its origin, and what its run ran with."""
    doubling()
    task = doubling().steps["double"].tasks[0]

    assert task.metadata["origin"] == task.origin_pathspec == "doubling/1/double/0"
    assert (
        task.metadata["status"] == "cached" and task.metadata["python"] and task.metadata["code"].startswith("sha256:")
    )
    first = Client().get("doubling/1/double/0")
    assert first.metadata["log"] is True and "origin" not in first.metadata and first.metadata["duration"] > 0
