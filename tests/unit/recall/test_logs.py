"""Logs are read by stream, time and attempt, from whoever wrote them, and followed as they come."""

from __future__ import annotations

import pickle
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore import pipeline, step
from runlore.errors import NotFound
from runlore.model.change import LogWritten, RunFinished, StepFinished, StepsPlanned, StepStarted, TaskFinished
from runlore.model.log import format_line
from runlore.model.run import Failure, LogChunk
from runlore.model.status import Status
from runlore.recall.loglines import LogSource, lines_of
from runlore.testing.record_stories import START, new_step

#: The `Book` of this folder's conftest, which cannot be imported by name.
Book = Any


def wrote(text: str, *, step: int = 0, item: int = 0, attempt: int = 0, part: int = 0) -> LogWritten:
    """A chunk of a log."""
    return LogWritten(step=step, item=item, attempt=attempt, part=part, text=text)


def ended(step: int = 0, **given: Any) -> TaskFinished:
    """An attempt that came to its end."""
    given.setdefault("status", Status.COMPLETED)
    return TaskFinished(step=step, started=START, ended=START, **given)


def step_ended(index: int = 0, status: Status = Status.COMPLETED, **given: Any) -> StepFinished:
    """A step that came to its end."""
    return StepFinished(index=index, status=status, ended=START, **given)


RUN_ENDED = RunFinished(status=Status.COMPLETED, ended=START)


def alive(book: Book) -> Any:
    """A run that this process owns, and its fence."""
    id = uuid4()
    book.workspace.ownership.acquire(id)
    return book.begin(id=id)


def retried(book: Book) -> Any:
    """A run whose only step failed twice, and succeeded at the third attempt."""
    run, fence = book.begin()
    changes: list[Any] = [StepsPlanned(steps=(new_step(0, "train"),)), StepStarted(index=0, at=START)]
    for attempt in (0, 1):
        failure = Failure(type="builtins.ValueError", message=f"try {attempt}")
        changes += [
            wrote(f"{attempt}000000 o attempt {attempt}\n", attempt=attempt),
            ended(attempt=attempt, status=Status.FAILED, failure=failure),
        ]
    changes += [wrote("2000000 o attempt 2\n2000001 e fine\n", attempt=2), ended(attempt=2), step_ended(), RUN_ENDED]
    book.workspace.record.commit(changes, fence=fence)
    return book.client.get_pipeline_run(str(run.id)).steps["train"]


# -- lines -----------------------------------------------------------------------------------------------------------


def test_a_line_unpacks_as_time_and_text(book: Book) -> None:
    """Lines are pairs of an aware time and a text, of one stream or of all in the order of writing."""
    book.run()
    load = book.client.get("training/1/load")

    assert [text for _, text in load.loglines("stdout")] == ["reading"]
    assert list(load.loglines("stderr")) == [(datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC), "a\nb\\ \u2028")]
    assert [line.stream for line in load.loglines()] == ["stdout", "stderr"]
    assert load.stdout == "reading\n" and load.stderr == "a\nb\\ \u2028\n" and load.logs == load.stdout + load.stderr


def test_an_unknown_stream_names_those_that_there_are(book: Book) -> None:
    """A stream that there is not is a ValueError naming the valid ones, at once also when following."""
    run = book.client.get_pipeline_run(str(book.run().id))

    for logged in (run, run.steps["load"], run.steps["load"][0]):
        for ask in (logged.loglines, logged.follow_logs):
            with pytest.raises(ValueError, match="'std_out'; .* 'stdout', 'stderr', 'logging'"):
                ask("std_out")


def test_lines_come_as_bytes_and_with_what_is_known_of_them(book: Book) -> None:
    """``text=False`` gives the bytes that were written, ``meta=True`` level, logger and source as a third."""
    run, fence = book.begin()
    text = "1 o caf\\xe9 \\udcff\n2 l WARNING etl.load: 3: left\n3 l Level 15 a:b: x\n4 l runlore: 2 lines left out\n"
    changes = [StepsPlanned(steps=(new_step(0, "load"),)), StepStarted(index=0, at=START), wrote(text), ended()]
    book.workspace.record.commit([*changes, step_ended(), RUN_ENDED], fence=fence)
    task = book.client.get("training/1/load/0")

    ((_, data),) = task.loglines("stdout", text=False)
    assert data == "café ".encode() + b"\xff"
    assert [(line.level, line.logger) for line in task.loglines()] == [
        (None, None), ("WARNING", "etl.load"), ("Level 15", "a:b"), (None, "runlore")
    ]  # fmt: skip
    (_, text, meta), *_ = task.loglines("logging", meta=True)
    assert text == "WARNING etl.load: 3: left"
    assert meta == {
        "stream": "logging", "level": "WARNING", "logger": "etl.load", "source": "training/1/load/0", "attempt": 0,
        "origin": None,
    }  # fmt: skip
    (line,) = task.loglines("stdout")
    copy = pickle.loads(pickle.dumps(line))
    assert copy == line and (copy.stream, copy.source) == ("stdout", "training/1/load/0")


def test_lines_of_several_steps_are_in_order_of_time(book: Book) -> None:
    """A run's log is that of all its steps by time; that of one task stays as it was written."""
    run, fence = book.begin()
    changes = [
        StepsPlanned(steps=(new_step(0, "a"), new_step(1, "b"))),
        StepStarted(index=0, at=START), StepStarted(index=1, at=START),
        wrote("10 o a1\n30 o a2\n25 o a3: the clock was set back\n"), wrote("20 o b1\n", step=1), ended(), ended(1),
        step_ended(), step_ended(1), RUN_ENDED,
    ]  # fmt: skip
    book.workspace.record.commit(changes, fence=fence)
    found = book.client.get("training/1")

    assert [text[:2] for _, text in found.loglines()] == ["a1", "b1", "a3", "a2"]
    assert [text[:2] for _, text in found.steps["a"].loglines()] == ["a1", "a2", "a3"]
    assert [line.source for line in found.loglines()][:2] == ["training/1/a/0", "training/1/b/0"]


# -- attempts --------------------------------------------------------------------------------------------------------


def test_each_attempt_has_its_log_and_its_failure(book: Book) -> None:
    """The last attempt is shown unless another is asked for, and each has its own log, failure and times."""
    train = retried(book)
    (task,) = train.tasks

    assert (task.attempt, task.stdout, task.stderr) == (2, "attempt 2\n", "fine\n")
    assert [one.logs for one in task.attempts] == ["attempt 0\n", "attempt 1\n", "attempt 2\nfine\n"]
    assert [one.failure and one.failure.message for one in task.attempts] == ["try 0", "try 1", None]
    assert [text for _, text in train.loglines(attempt=1)] == ["attempt 1"]
    assert task.attempt_number(0).logs == "attempt 0\n"
    assert [text for _, text in task.loglines(attempt=0)] == ["attempt 0"]


def test_an_attempt_that_never_was_is_not_found(book: Book) -> None:
    """An unknown attempt raises `NotFound`, which says which there are; one that wrote nothing has an empty log."""
    train = retried(book)

    for ask in (train.loglines, train.tasks[0].loglines):
        with pytest.raises(NotFound, match=r"no attempt 3; there is attempt 0 to 2"):
            ask(attempt=3)
    with pytest.raises(NotFound, match=r"no attempt -1; there is attempt 0 to 2"):
        train.tasks[0].attempt_number(-1)
    book.run()
    silent = book.client.get("training/2/train")
    assert silent.loglines(attempt=0) == []
    with pytest.raises(NotFound, match=r"no attempt 1; there is attempt 0, counted"):
        silent.loglines(attempt=1)


def test_a_running_task_is_there_and_live(book: Book) -> None:
    """A step that runs has a task at its running attempt, whose log grows, and which ends with the step."""
    run, fence = alive(book)
    record = book.workspace.record
    failure = Failure(type="builtins.ValueError", message="once")
    changes = [
        StepsPlanned(steps=(new_step(0, "train"),)), StepStarted(index=0, at=START), wrote("1 o first\n"),
        ended(status=Status.FAILED, failure=failure), wrote("2 o second\n", attempt=1),
    ]  # fmt: skip
    record.commit(changes, fence=fence)
    (task,) = book.client._reader.step_at(run.seq, 0).tasks
    assert task.attempt == 1 and task.logs == "second\n" and task.attempts[0].logs == "first\n"
    record.commit([wrote("3 o third\n", attempt=1, part=1)], fence=fence)
    assert task.logs == "second\nthird\n"
    record.commit([ended(attempt=1), step_ended(), RUN_ENDED], fence=fence)
    assert task.finished and task.status is Status.COMPLETED


# -- results that were taken over ------------------------------------------------------------------------------------


@step
def speak(word: str) -> str:
    print("saying", word)
    return word


@step
def listen(heard: str) -> int:
    print("heard", heard)
    return len(heard)


@pipeline
def talk(word: str = "hello") -> None:
    listen(speak(word))


@pipeline
def chorus(words: list[str]) -> None:
    speak.map(words)


def test_a_cached_step_shows_the_log_of_its_origin(book: Book) -> None:
    """A step that was served from the cache shows what its origin wrote, and each line says from where it is."""
    with _in(book):
        talk()
        run = talk()

    assert run.status is Status.CACHED and run.logs == "saying hello\nheard hello\n"
    spoken = run.steps["speak"]
    assert spoken.stdout == spoken.tasks[0].stdout == "saying hello\n"
    assert spoken.logs_from == "talk/1/speak" and spoken.tasks[0].logs_from == "talk/1/speak/0"
    assert [(line.source, line.origin) for line in run.loglines()] == [
        ("talk/2/speak/0", "talk/1/speak/0"),
        ("talk/2/listen/0", "talk/1/listen/0"),
    ]
    first = book.client.get("talk/1")
    assert first.steps["speak"].logs_from is None and [line.origin for line in first.loglines()] == [None, None]

    first.delete()
    assert spoken.logs == "" and spoken.logs_from is None


def test_a_mapped_step_shows_the_logs_of_the_origins_of_its_items(book: Book) -> None:
    """Items that were taken over from several runs show the logs of those, the others their own."""
    with _in(book):
        chorus(["a", "b"])
        chorus(["c"])
        run = chorus(["c", "d", "b"])

    speaking = run.steps["speak"]
    assert sorted(text for _, text in speaking.loglines()) == ["saying b", "saying c", "saying d"]
    assert [task.logs_from for task in speaking.tasks] == ["chorus/2/speak/0", None, "chorus/1/speak/1"]
    assert [task.logs for task in speaking.tasks] == ["saying c\n", "saying d\n", "saying b\n"]


def test_logs_of_cached_runs_ask_once_for_their_origin(book: Book) -> None:
    """Reading the log of a run that took everything over costs a few questions per step, whatever its origin's size."""

    @pipeline
    def chain(length: int) -> None:
        for number in range(length):
            speak(str(number))

    asked = {}
    for length in (5, 20):
        with _in(book):
            chain(length)
            run = chain(length)
        record, counts = book.workspace.record, Counter[str]()
        with pytest.MonkeyPatch.context() as patch:
            for name in ("logs", "logged", "tasks", "steps", "run"):
                patch.setattr(record, name, _counting(getattr(record, name), name, counts))
            assert len(run.loglines()) == length
        asked[length] = counts

    # the two lengths have five origins in common, in a run of their own
    assert asked[20]["steps"] - asked[5]["steps"] <= 1 and asked[20]["run"] - asked[5]["run"] <= 1
    assert asked[20].total() <= 4 * 20 + 8


def _counting(verb: Any, name: str, counts: Counter[str]) -> Any:
    def counted(*args: Any, **kwargs: Any) -> Any:
        counts[name] += 1
        return verb(*args, **kwargs)

    return counted


@given(st.binary().filter(lambda data: b"\n" not in data and b"\r" not in data))
def test_bytes_come_back_as_they_were_written(data: bytes) -> None:
    """Whatever bytes a step writes, text or not, ``text=False`` gives these bytes."""
    text = data.decode("utf-8", "surrogateescape")  # as a captured stream takes them
    chunk = LogChunk(step=0, item=0, attempt=0, part=0, text=format_line(5, "o", text))
    (line,) = lines_of([chunk], LogSource(step=0, item=0, attempt=0, task="a/1/b/0"))

    assert line.data == data and line.text == text and line.shaped(text=False, meta=False)[1] == data


# -- following -------------------------------------------------------------------------------------------------------


def test_lines_are_followed_as_they_come(book: Book) -> None:
    """Following yields what is there, then what comes, attempt after attempt, until the end."""
    run, fence = alive(book)
    record = book.workspace.record
    record.commit(
        [
            StepsPlanned(steps=(new_step(0, "load"), new_step(1, "train"))),
            StepStarted(index=0, at=START),
            wrote("1 o one\n"),
        ],
        fence=fence,
    )
    handle = book.client._reader.run(record.run(run.seq))
    lines, loading = handle.follow_logs(poll=0), handle.steps["load"].follow_logs("stdout", poll=0)

    assert next(lines).text == next(loading).text == "one"
    record.commit([wrote("2 o two\n3 e oops\n", part=1)], fence=fence)
    assert [next(lines).text, next(lines).text, next(loading).text] == ["two", "oops", "two"]
    failure = Failure(type="builtins.ValueError", message="once")
    record.commit([ended(status=Status.FAILED, failure=failure), wrote("4 o again\n", attempt=1)], fence=fence)
    assert [next(lines).text, next(loading).attempt] == ["again", 1]
    record.commit(
        [ended(attempt=1), step_ended(), StepStarted(index=1, at=START), wrote("5 o fit\n", step=1)], fence=fence
    )
    assert list(loading) == []
    assert next(lines).source == "training/1/train/0"
    record.commit([wrote("6 o last\n", step=1, part=1), ended(1), step_ended(1), RUN_ENDED], fence=fence)
    assert [line.text for line in lines] == ["last"]


def test_what_has_ended_is_followed_to_its_end(book: Book) -> None:
    """Following a finished run yields its whole log, the taken over lines and every attempt included, and ends."""
    with _in(book):
        talk()
        run = talk()
    retried(book)

    assert list(run.follow_logs()) == run.loglines()
    train = book.client.get("training/1/train")
    assert [line.text for line in train.follow_logs("stdout")] == ["attempt 0", "attempt 1", "attempt 2"]


def test_mapped_items_are_followed_without_reading_again_what_has_ended(book: Book) -> None:
    """Of a mapped step, each look asks for the items that have not ended, and every line comes once."""
    run, fence = alive(book)
    record = book.workspace.record
    record.commit([StepsPlanned(steps=(new_step(0, "each"),)), StepStarted(index=0, at=START, tasks=50)], fence=fence)
    each = book.client._reader.step_at(run.seq, 0)
    asked: list[int] = []
    logged = record.logged

    def counted(run: int, step: int | None = None, start: int = 0, stop: int | None = None) -> Any:
        asked.append(start)
        return logged(run, step, start, stop)

    record.logged = counted  # type: ignore[method-assign]
    lines = each.follow_logs(poll=0)
    seen = []
    for item in range(50):
        record.commit([wrote(f"{item} o item {item}\n", item=item)], fence=fence)
        seen.append(next(lines).text)
        record.commit([ended(item=item)], fence=fence)
    record.commit([step_ended(), RUN_ENDED], fence=fence)

    assert list(lines) == [] and seen == [f"item {item}" for item in range(50)]
    assert asked == sorted(asked) and asked[-1] >= 49


def test_following_ends_with_a_process_that_died(book: Book) -> None:
    """The log of a run whose process is gone is followed to where it stops, and its task is there, interrupted."""
    run, fence = book.begin()
    changes = [StepsPlanned(steps=(new_step(0, "load"),)), StepStarted(index=0, at=START), wrote("1 o one\n")]
    book.workspace.record.commit(changes, fence=fence)
    handle = book.client.get_pipeline_run(str(run.id))

    assert [line.text for line in handle.follow_logs(poll=0)] == ["one"]
    assert handle.status == "interrupted"
    (task,) = handle.steps["load"].tasks
    assert (task.status, task.attempt, task.logs, dict(task.outputs)) == ("interrupted", 0, "one\n", {})


def _in(book: Book) -> Any:
    from runlore.author.current import use_workspace

    return use_workspace(book.workspace)
