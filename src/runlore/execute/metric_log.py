"""Metric log: what an attempt measures, from the call of `log_metric` to the record.

A call only appends to a queue. The points go to the record together: a second after the first of them, whatever the
step does meanwhile; when `FULL` are waiting, so that memory stays bounded; before the step reads the record; and with
the end of the attempt.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from runlore.errors import LeaseLost, StepContextError, ValueUnstorable
from runlore.model.article import with_article
from runlore.model.change import MetricsLogged
from runlore.model.metric import Points
from runlore.model.name import checked_metric_name
from runlore.values.measured import counted, measured

#: Seconds that a point waits for others before they are handed over.
INTERVAL = 1.0
#: Points that wait before they are handed over at once, by whoever adds one.
FULL = 16 * 1024
#: Parts that are held back for another try while the record takes none; with one more, logging raises what it raises.
HELD = 64

_Point = tuple[str, float, int | None, int]


class MetricLog:
    """The points of one attempt that are not in the record yet. Any thread may log.

    ``write`` commits a part now, or returns False if it must wait; ``later`` calls something in so many seconds, or
    returns False if it cannot. ``kept`` makes of a name the one that is recorded. ``clock`` returns nanoseconds since
    the epoch.
    """

    def __init__(
        self,
        write: Callable[[MetricsLogged], bool],
        *,
        later: Callable[[float, Callable[[], None]], bool],
        step: int,
        item: int = 0,
        attempt: int = 0,
        kept: Callable[[str], str] = lambda name: name,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._write = write
        self._later = later
        self._place = {"step": step, "item": item, "attempt": attempt}
        self._kept = kept
        self._clock = clock
        #: Appending and taking from the other end are atomic, so that no point is lost between threads.
        self._points: deque[_Point] = deque()
        #: Name as it is given → as it is recorded. Empty once the log is closed.
        self._names: dict[str, str] = {}
        self._closed = False
        #: Whether nobody will hand over by itself.
        self._resting = True
        self._lock = threading.RLock()
        self._ready: deque[MetricsLogged] = deque()
        self._part = 0
        _open.append(self)

    def log(self, name: str, value: float, step: int | None = None) -> None:
        """Add a point; see `runlore.log_metric`."""
        if type(value) is not float:
            value = measured(name, value)
        if step is not None and type(step) is not int:
            step = counted(name, step)
        if type(name) is not str or name not in self._names:
            name = self._admitted(name)
        self._points.append((name, value, step, self._clock()))
        if self._resting or len(self._points) >= FULL:
            self._wake()

    def log_all(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Add a point for each name, or none if one of them is refused; see `runlore.log_metrics`."""
        if not isinstance(values, Mapping):
            kind = with_article(type(values).__name__)
            raise ValueUnstorable(
                f"log_metrics() takes a dict, such as {{'loss': 0.3, 'accuracy': 0.9}}; this is {kind}."
            )
        checked = [(self._admitted(name), measured(name, value)) for name, value in values.items()]
        for name, number in checked:
            self.log(name, number, step)

    def hand_over(self) -> None:
        """Bring what was logged so far to the record. What it does not take is kept for the next time."""
        with self._lock:
            if self._closed:
                return
            self._cut()
            while self._ready:
                try:
                    if not self._write(self._ready[0]):
                        return
                except Exception as error:
                    # the end of the attempt tells what stands in the way, if it still does
                    if isinstance(error, LeaseLost) or len(self._ready) > HELD:
                        raise
                    return
                self._ready.popleft()

    def close(self) -> tuple[MetricsLogged, ...]:
        """Take nothing any more; return what is not in the record, to be recorded with the attempt's end."""
        with self._lock:
            if self in _open:
                _open.remove(self)
            if self._closed:
                return ()
            self._closed, self._names = True, {}
            self._cut()
            rest = tuple(self._ready)
            self._ready.clear()
            return rest

    def _admitted(self, name: object) -> str:
        with self._lock:
            if self._closed:
                raise StepContextError(f"Metric {name!r}: the step in which it is measured has ended, or is elsewhere.")
            text = checked_metric_name(name)
            self._names.setdefault(text, self._kept(text))
            return text

    def _wake(self) -> None:
        if self._resting:
            self._resting = False
            if not self._later(INTERVAL, self._tick):
                self._resting = True
                self.hand_over()
        if len(self._points) >= FULL:
            self.hand_over()

    def _tick(self) -> None:
        self._resting = True  # before, so that what is logged meanwhile wakes it again
        try:
            self.hand_over()
        finally:
            if self._ready:
                self._resting = not self._later(INTERVAL, self._tick)

    def _cut(self) -> None:
        """Make a part of the points that there are."""
        columns: dict[str, tuple[list[float], list[int | None], list[int]]] = {}
        for _ in range(len(self._points)):
            name, value, step, at = self._points.popleft()
            found = columns.get(name)
            if found is None:
                found = columns[name] = ([], [], [])
            found[0].append(value)
            found[1].append(step)
            found[2].append(at // 1000)
        if columns:
            series = tuple(
                (self._recorded(name), Points(values=values, progress=steps, times=times))
                for name, (values, steps, times) in columns.items()
            )
            self._ready.append(MetricsLogged(**self._place, part=self._part, series=series))
            self._part += 1

    def _recorded(self, name: str) -> str:
        return self._names.get(name) or self._kept(name)

    def _abandon(self) -> None:
        """Forget everything, in a forked child: the parent records it, and the lock may be held by nobody."""
        self._lock = threading.RLock()
        self._closed, self._names = True, {}
        self._points.clear()
        self._ready.clear()


#: Those of every step that is running in this process.
_open: list[MetricLog] = []


def only_log() -> MetricLog:
    """The log of the only step that is running in this process, for a thread that belongs to none by itself."""
    found = list(_open)
    if len(found) == 1:
        return found[0]
    if not found:
        raise StepContextError(
            "No step is running here: log_metric() works in the body of a step. "
            "What is found out about a run later is noted with run.log_metadata({...})."
        )
    raise StepContextError(
        "Several steps are running in this process, and this thread belongs to none of them by itself. Start it with "
        "contextvars.copy_context().run, or hand it get_step_context() and call log_metric() of that."
    )


def _after_fork() -> None:
    for log in _open:
        log._abandon()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
