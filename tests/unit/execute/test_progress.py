from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import pytest

from runlore.execute.events import (
    Event,
    HookFailed,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TaskFinished,
)
from runlore.execute.logs import LogCapture
from runlore.execute.progress import Progress, duration_text
from runlore.model.status import Status

STARTED = RunStarted(pipeline="training", number=12, name="training-1")
FINISHED = RunFinished(pipeline="training", number=12, name="training-1", status=Status.COMPLETED, duration=3.4)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _capable_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


def step_events(name: str, status: Status = Status.COMPLETED, **more: Any) -> list[Event]:
    return [
        StepStarted(run="training-1", step=name),
        StepFinished(run="training-1", step=name, status=status, duration=1.2, **more),
    ]


def map_events(count: int, failing: int = 0) -> list[Event]:
    tasks: list[Event] = [
        TaskFinished(
            run="training-1",
            step="many",
            item=item,
            status=Status.FAILED if item < failing else Status.COMPLETED,
            duration=0.001,
        )
        for item in range(count)
    ]
    end = StepFinished(run="training-1", step="many", status=Status.COMPLETED, duration=10.0)
    return [StepStarted(run="training-1", step="many", tasks=count), *tasks, end]


def tell(stream: io.StringIO, events: list[Event], **options: Any) -> list[str]:
    progress = Progress(stream, **options)
    for event in [STARTED, *events, FINISHED]:
        progress.handle(event)
    return stream.getvalue().splitlines()


def test_plain_lines_without_a_terminal() -> None:
    """Where nobody watches a terminal, every event is one plain line."""
    failing = step_events("score", Status.FAILED, failure="ValueError: odd\nvalue \x1b[2J")
    hook = HookFailed(run="training-1", step="score", message="KeyError('x')")
    cached = StepFinished(run="training-1", step="load", status=Status.CACHED, cached=True)

    assert tell(io.StringIO(), [cached, *step_events("train"), *failing, hook]) == [
        "training/12  started  training-1",
        "load  cached",
        "train  running",
        "train  completed  1.2 s",
        "score  running",
        "score  failed  1.2 s  ValueError: odd value  [2J",
        "score  hook failed  KeyError('x')",
        "training/12  completed  3.4 s",
    ]


def test_large_map_is_a_few_lines() -> None:
    """A map of 10,000 items says how far it is in steps of a tenth."""
    lines = tell(io.StringIO(), map_events(10_000))

    assert lines[1] == "many  running  10000 tasks"
    assert lines[2:11] == [f"many  running  {n}000 of 10000 tasks" for n in range(1, 10)]
    assert lines[11] == "many  completed  10.0 s"


def test_small_map_names_its_items() -> None:
    """A map of a few items has a line for each."""
    assert tell(io.StringIO(), map_events(2))[2:4] == ["many/0  completed  1 ms", "many/1  completed  1 ms"]


def test_failures_of_a_map_are_named_up_to_a_number() -> None:
    """The first failed items are named, the rest counted."""
    lines = tell(io.StringIO(), map_events(1_000, failing=1_000))

    assert lines[2:7] == [f"many/{item}  failed  1 ms" for item in range(5)]
    assert lines[7] == "many  running  100 of 1000 tasks, 100 failed"
    assert len(lines) < 25


def test_quiet_says_nothing() -> None:
    """The quiet mode writes nothing."""
    assert tell(io.StringIO(), step_events("train"), mode="quiet") == []


def test_live_on_a_terminal() -> None:
    """On a terminal what finished stays, what runs is shown below, and the cursor comes back."""
    stream = Terminal()
    shown = "\n".join(tell(stream, [*step_events("train"), *map_events(100)], clock=lambda: 0.0))

    assert "many  running  0 of 100 tasks" in shown
    assert "90 of 100 tasks\n" not in shown
    assert "\x1b[" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_live_repaints_no_more_than_ten_times_a_second() -> None:
    """However many items finish, the display is painted only when a tenth of a second has passed."""

    def painted(count: int) -> int:
        now = 0.0

        def clock() -> float:
            nonlocal now
            now += 0.001
            return now

        stream = Terminal()
        tell(stream, map_events(count), clock=clock)
        return stream.getvalue().count("of ")

    assert painted(10_000) < 10_000 / 100 + 30


def test_live_needs_a_terminal() -> None:
    """Asked to be live on a file, progress is plain."""
    assert tell(io.StringIO(), step_events("train"), mode="live")[2] == "train  completed  1.2 s"


def test_plain_on_a_terminal_when_asked() -> None:
    """Asked to be plain on a terminal, there are no control sequences."""
    stream = Terminal()
    tell(stream, step_events("train"), mode="plain")

    assert "\x1b" not in stream.getvalue()


def test_run_within_a_run_does_not_paint_twice() -> None:
    """While one live display is on, another run's progress is plain lines; afterwards live again."""
    outer, inner = Progress(Terminal()), Terminal()
    outer.handle(STARTED)
    tell(inner, step_events("train"))
    outer.handle(FINISHED)
    after = Terminal()
    tell(after, step_events("train"))

    assert "\x1b" not in inner.getvalue()
    assert "\x1b" in after.getvalue()


def test_inner_run_does_not_end_the_display() -> None:
    """One progress that hears of a run inside a run goes on with the outer one when the inner one ends."""
    stream = Terminal()
    progress = Progress(stream)
    progress.handle(STARTED)
    progress.handle(RunStarted(pipeline="inner", number=1, name="inner-1"))
    progress.handle(RunFinished(pipeline="inner", number=1, name="inner-1", status=Status.COMPLETED, duration=1.0))
    assert "\x1b[?25h" not in stream.getvalue()
    progress.close()

    assert "\x1b[?25h" in stream.getvalue()


def test_broken_stream_does_not_reach_the_run() -> None:
    """A stream that fails ends the telling and raises nothing."""

    class Broken(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            raise BrokenPipeError

    stream = Broken()
    tell(stream, step_events("train"))

    assert stream.writes == 1


def test_closed_and_missing_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed stream, and none at all, are no failure."""
    closed = io.StringIO()
    closed.close()
    Progress(closed).handle(STARTED)
    monkeypatch.setattr(sys, "stderr", None)
    progress = Progress()
    for event in [STARTED, *step_events("train"), FINISHED]:
        progress.handle(event)


def test_narrow_encoding() -> None:
    """A stream that cannot write a name's characters gets them escaped."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    progress = Progress(stream)
    progress.handle(StepStarted(run="r", step="école"))

    assert raw.getvalue() == b"\\xe9cole  running\n"


def test_progress_is_no_step_s_output(capsys: pytest.CaptureFixture[str]) -> None:
    """What progress says while a step runs is on stderr, and not in the step's log."""
    kept: list[str] = []
    with LogCapture(lambda part, text: kept.append(text), limit=10_000):
        Progress().handle(StepStarted(run="r", step="train"))

    assert capsys.readouterr().err == "train  running\n"
    assert kept == []


def test_rich_is_imported_for_live_only() -> None:
    """Plain progress does not import rich."""
    code = (
        "import io, sys; from runlore.execute.progress import Progress; "
        "from runlore.execute.events import RunStarted; "
        "Progress(io.StringIO()).handle(RunStarted(pipeline='p', number=1, name='n')); "
        "sys.exit('rich' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 ms"),
        (0.0034, "3 ms"),
        (0.9996, "1.0 s"),
        (1.23, "1.2 s"),
        (59.96, "1 min 00 s"),
        (245, "4 min 05 s"),
        (7380, "2 h 03 min"),
    ],
)
def test_durations_are_said_as_people_do(seconds: float, text: str) -> None:
    """A duration has the unit that suits it, and never sixty of one."""
    assert duration_text(seconds) == text


def test_lines_of_several_runs_tell_them_apart() -> None:
    """While several runs go on at once, each line names its run; of one run the step's name suffices."""
    stream = io.StringIO()
    progress = Progress(stream, "plain")

    def started(number: int) -> None:
        progress.handle(RunStarted(pipeline="training", number=number, name=f"name-{number}"))

    def ended(number: int) -> None:
        status = Status.COMPLETED
        progress.handle(
            RunFinished(pipeline="training", number=number, name=f"name-{number}", status=status, duration=1.0)
        )

    started(1)
    progress.handle(StepStarted(run="name-1", step="load"))
    started(2)
    progress.handle(StepStarted(run="name-2", step="load", tasks=1))
    progress.handle(StepFinished(run="name-1", step="load", status=Status.COMPLETED))
    progress.handle(TaskFinished(run="name-2", step="load", item=0, status=Status.FAILED))
    progress.handle(HookFailed(run="name-2", step="load", message="oh"))
    ended(1)
    progress.handle(StepFinished(run="name-2", step="load", status=Status.FAILED))
    ended(2)

    assert [line.partition("  ")[0] for line in stream.getvalue().splitlines()] == [
        "training/1",
        "load",
        "training/2",
        "training/2/load",
        "training/1/load",
        "training/2/load/0",
        "training/2/load",
        "training/1",
        "load",
        "training/2",
    ]
    assert "1 task\n" in stream.getvalue()


def test_a_display_stays_until_its_last_user_leaves() -> None:
    """A run inside another one, or in another thread, ends without ending what the others show."""
    stream = io.StringIO()
    progress = Progress(stream, "plain")
    with progress:
        progress.handle(RunStarted(pipeline="outer", number=1, name="outer-1"))
        progress.handle(StepStarted(run="outer-1", step="train", tasks=100))
        with progress:
            pass
        progress.handle(TaskFinished(run="outer-1", step="train", item=0, status=Status.COMPLETED))

    assert "train/0" not in stream.getvalue()
