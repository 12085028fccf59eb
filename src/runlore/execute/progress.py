"""Progress: tells whoever watches how a run goes. On a terminal live, otherwise one plain line per event.

Goes to stderr only, because stdout belongs to the user's program, and around log capture, because it is no step's
output. Nothing that goes wrong here reaches the run: a closed or full stream ends the telling, not the work.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO

from runlore.execute.events import (
    Event,
    HookFailed,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TaskFinished,
)
from runlore.execute.logs import terminal
from runlore.model.counted import counted
from runlore.model.status import Status

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

Mode = Literal["auto", "plain", "live", "quiet"]

#: Lines that a mapped step says about its finished items, whatever their number.
TASK_LINES = 10
#: Failed items of one mapped step that are named one by one.
NAMED_FAILURES = 5
#: Seconds between two paintings of a live display.
REPAINT = 0.1
#: Characters of a failure's message that are shown.
MESSAGE_WIDTH = 200

_COLOURS = {"completed": "green", "cached": "cyan", "failed": "bold red", "running": "yellow"}


#: Every one that there is.
_every: weakref.WeakSet[Progress] = weakref.WeakSet()


def _after_fork() -> None:
    for progress in list(_every):
        progress._leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Progress:
    """Show events as they come.

    ``stream`` is by default what ``sys.stderr`` is at each event. ``mode``: ``auto`` is ``live`` on a terminal and
    ``plain`` elsewhere; ``live`` on something that is no terminal is ``plain``; ``quiet`` says nothing.
    """

    def __init__(
        self, stream: TextIO | None = None, mode: Mode = "auto", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._mode = mode
        self._clock = clock
        self._shown: _Display | None = None
        #: Name of the run that the display was opened for: one that runs inside it must not close it.
        self._run: str | None = None
        #: Runs that have started and not ended: name → pathspec.
        self._runs: dict[str, str] = {}
        self._users = 0
        self._lock = threading.RLock()
        self._tallies: dict[tuple[str, str], _Tally] = {}
        self._broken = mode == "quiet"
        _every.add(self)

    def handle(self, event: Event) -> None:
        """Show one event. Never raises; after a failure to write, says nothing more."""
        if self._broken:
            return
        with self._lock:
            try:
                self._show(event)
            except Exception:
                self._broken = True
                self.close()

    def __enter__(self) -> Progress:
        with self._lock:
            self._users += 1
        return self

    def __exit__(self, *error: object) -> None:
        # runs inside a run, and beside it in other threads, end before the display may close
        with self._lock:
            self._users = max(self._users - 1, 0)  # a forked child leaves what its parent entered
            if not self._users:
                self.close()

    def close(self) -> None:
        """Leave the terminal as it was found. Not needed after a `RunFinished`, harmless at any time."""
        shown, self._shown, self._run = self._shown, None, None
        self._tallies.clear()
        self._runs.clear()
        if shown is not None:
            try:
                shown.close()
            except Exception:
                self._broken = True

    def _leave_to_parent(self) -> None:
        """In a forked child: the display is its parent's, and so are the runs; the lock may be held by nobody."""
        self._lock = threading.RLock()
        self._shown = self._run = None
        self._users = 0
        self._tallies.clear()
        self._runs.clear()

    def _show(self, event: Event) -> None:
        if isinstance(event, TaskFinished):
            self._show_task(event)
            return
        if isinstance(event, RunStarted):
            self._runs[event.name] = f"{event.pipeline}/{event.number}"
            if self._shown is None:
                self._shown, self._run = self._open(), event.name
        display = self._display()
        if isinstance(event, StepStarted):
            tally = self._tallies[event.run, event.step] = _Tally(self._name(event), event.tasks)
            display.started(tally, self._tallies)
        else:
            if isinstance(event, StepFinished):
                self._tallies.pop((event.run, event.step), None)
            display.line(self._said(event), self._tallies)
        if isinstance(event, RunFinished):
            self._runs.pop(event.name, None)
            if event.name == self._run:
                self._end_display()

    def _end_display(self) -> None:
        shown, self._shown, self._run = self._shown, None, None
        if shown is not None:
            shown.close()

    def _said(self, event: Event) -> str:
        if isinstance(event, (RunStarted, RunFinished)):
            return describe(event)
        return describe(event, self._name(event))

    def _name(self, event: StepStarted | StepFinished | TaskFinished | HookFailed) -> str:
        """Of one run its steps' names suffice; while there are several, each line says which one it is about."""
        place = self._runs.get(event.run)
        return event.step if len(self._runs) < 2 or place is None else f"{place}/{event.step}"

    def _show_task(self, event: TaskFinished) -> None:
        display = self._display()
        tally = self._tallies.get((event.run, event.step))
        said = self._said(event)
        line = said if tally is None else tally.add(event, self._name(event), said, moves=display.moves)
        if line is not None:
            display.line(line, self._tallies)
        elif display.moves:
            display.repaint(self._tallies)

    def _display(self) -> _Display:
        return self._shown if self._shown is not None else _Plain(self._resolve())

    def _resolve(self) -> Any:
        return self._stream if self._stream is not None else terminal("stderr")

    def _open(self) -> _Display:
        stream = self._resolve()
        if self._mode in ("auto", "live") and stream is not None and stream.isatty():
            live = _Live.open(stream, self._clock)
            if live is not None:
                return live
        return _Plain(stream)


def describe(event: Event, step: str | None = None) -> str:
    """Say an event in one line of plain text; ``step`` is what to call its step, by default its name."""
    if step is None and not isinstance(event, (RunStarted, RunFinished)):
        step = event.step
    match event:
        case RunStarted():
            return f"{event.pipeline}/{event.number}  started  {event.name}"
        case StepStarted():
            return f"{step}  running" + (f"  {counted(event.tasks, 'task')}" if event.tasks is not None else "")
        case TaskFinished():
            return _line(f"{step}/{event.item}", event.status, event.duration, _failure(event))
        case StepFinished():
            return _line(str(step), "cached" if event.cached else event.status, event.duration, _failure(event))
        case HookFailed():
            return _line(str(step), "hook failed", None, event.message)
        case RunFinished():
            return _line(f"{event.pipeline}/{event.number}", event.status, event.duration, None)


def _failure(event: TaskFinished | StepFinished) -> str | None:
    # whoever pressed Ctrl-C knows that it was a KeyboardInterrupt
    return None if event.status is Status.CANCELLED else event.failure


def duration_text(seconds: float) -> str:
    """Write a duration as people say it: ``3 ms``, ``1.2 s``, ``4 min 05 s``, ``2 h 03 min``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def _line(name: str, status: str, seconds: float | None, failure: str | None) -> str:
    parts = [name, str(status)]
    if seconds is not None:
        parts.append(duration_text(seconds))
    if failure:
        parts.append(_one_line(failure))
    return "  ".join(parts)


def _one_line(text: str) -> str:
    # What a failure says is not ours: it must neither break the line nor steer the terminal.
    line = "".join(character if character.isprintable() else " " for character in text[: MESSAGE_WIDTH + 1])
    return line if len(line) <= MESSAGE_WIDTH else line[:MESSAGE_WIDTH] + "…"


class _Tally:
    """How far a step is."""

    def __init__(self, step: str, tasks: int | None) -> None:
        self.step = step
        self.tasks = tasks
        self.done = 0
        self.failed = 0

    def add(self, event: TaskFinished, step: str, said: str, *, moves: bool) -> str | None:
        """Count a finished item; return the line that is due, if one is.

        ``step`` is what the step is called now, ``said`` the event in words; ``moves``: the display shows numbers.
        """
        self.step = step
        self.done += 1
        if not event.status.successful:
            self.failed += 1
            if self.failed <= NAMED_FAILURES:
                return said
        if moves:
            return None
        if self.tasks is None or self.tasks <= TASK_LINES:
            return said
        # A line whenever another tenth is reached, the last being the step's own.
        if self.done < self.tasks and self.done * TASK_LINES // self.tasks > (self.done - 1) * TASK_LINES // self.tasks:
            return f"{self}"
        return None

    def __str__(self) -> str:
        if self.tasks is None:
            return f"{self.step}  running"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.step}  running  {self.done} of {counted(self.tasks, 'task')}{failed}"


_Running = dict[tuple[str, str], _Tally]


class _Display(Protocol):
    #: Whether it shows how far running steps are without a line for that.
    moves: bool

    def line(self, text: str, running: _Running) -> None:
        """Say a line that stays."""

    def started(self, tally: _Tally, running: _Running) -> None:
        """Say that a step begins."""

    def repaint(self, running: _Running) -> None:
        """Show how far the running steps are, if this display moves and it is time."""

    def close(self) -> None:
        """Leave the stream as it was found."""


class _Plain:
    moves = False

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def line(self, text: str, running: _Running) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text + "\n")
        except UnicodeEncodeError:  # a stream of another encoding; names may hold any character
            self._stream.write(text.encode("ascii", "backslashreplace").decode() + "\n")
        self._stream.flush()

    def started(self, tally: _Tally, running: _Running) -> None:
        self.line(
            f"{tally.step}  running" + (f"  {counted(tally.tasks, 'task')}" if tally.tasks is not None else ""), running
        )

    def repaint(self, running: _Running) -> None:
        pass

    def close(self) -> None:
        pass


class _Live:
    """Lines that stay, and below them the running steps, painted over.

    Painted at events only, never by a clock: a display that repaints on its own destroys the prompt of a breakpoint.
    """

    moves = True

    #: Terminals have room for one; a run inside a step, or beside it, tells its events line by line.
    _open = False

    def __init__(self, live: Live, view: _View, console: Console, clock: Callable[[], float]) -> None:
        self._live = live
        self._view = view
        self._console = console
        self._clock = clock
        self._painted = float("-inf")

    @classmethod
    def open(cls, stream: TextIO, clock: Callable[[], float]) -> _Live | None:
        if _Live._open:
            return None
        from rich.console import Console
        from rich.live import Live

        console = Console(file=stream, highlight=False, markup=False, emoji=False)
        if not console.is_terminal or console.is_dumb_terminal:
            return None
        import sys

        # What the program prints to a terminal goes above the display; to a file or pipe, it is left alone.
        redirects = {name: _is_terminal(getattr(sys, name)) for name in ("stdout", "stderr")}
        view = _View()
        live = Live(
            view,
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=redirects["stdout"],
            redirect_stderr=redirects["stderr"],
        )
        live.start()
        _Live._open = True
        return cls(live, view, console, clock)

    def line(self, text: str, running: _Running) -> None:
        from rich.text import Text

        name, _, rest = text.partition("  ")
        status = rest.partition("  ")[0]
        shown = Text(name + "  ", style="")
        shown.append(status, style=_COLOURS.get(status, ""))
        shown.append(rest[len(status) :])
        self._view.running = running
        self._painted = self._clock()
        self._console.print(shown, soft_wrap=True)  # paints the view below it, too

    def started(self, tally: _Tally, running: _Running) -> None:
        self._paint(running)

    def repaint(self, running: _Running) -> None:
        if self._clock() - self._painted >= REPAINT:
            self._paint(running)

    def _paint(self, running: _Running) -> None:
        self._view.running = running
        self._painted = self._clock()
        self._live.refresh()

    def close(self) -> None:
        _Live._open = False
        self._live.stop()


class _View:
    """The running steps, as they are whenever rich paints them."""

    def __init__(self) -> None:
        self.running: _Running = {}

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text("\n".join(map(str, self.running.values())), style="yellow")


def _is_terminal(stream: Any) -> bool:
    try:
        return stream is not None and bool(stream.isatty())
    except ValueError:  # closed
        return False
