"""Log capture: while a step runs, what its process prints and logs goes to the terminal as before and into the record.

``sys.stdout`` and ``sys.stderr`` are replaced by thin proxies while at least one capture is active, and put back
afterwards if nobody else replaced them meanwhile. Logging is observed at one place that every record passes
(`logging.Logger.callHandlers`): a handler on the root logger would silence Python's last-resort handler, turn
``logging.basicConfig()`` in user code into a no-op, and miss loggers that do not propagate.

Who gets a line: while one capture is active, all output of the process is its own, threads included. Between several
the context variable decides, and a thread without a context of its own counts towards the newest one.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

from runlore.errors import LeaseLost
from runlore.execute.ticker import Ticker
from runlore.model.counted import counted
from runlore.model.log import format_line

#: Characters after which a chunk is handed over.
CHUNK_SIZE = 16 * 1024
#: Nanoseconds after which a chunk is handed over, whatever the step does meanwhile.
CHUNK_AGE = 1_000_000_000
#: Characters after which a line without an end is stored as it is, so that memory stays bounded.
LINE_SIZE = 1024 * 1024
#: Bytes at the end of a log that are kept when its middle is left out; they are held in memory meanwhile.
TAIL_SIZE = 1024 * 1024
#: Characters that are held back for another try while the sink fails.
HELD_SIZE = 1024 * 1024

Sink = Callable[[int, str], None]


class LogCapture:
    """While entered, hand what is printed and logged to ``sink(part, text)``, in chunks that count from 0.

    ``limit`` is in bytes of stored text. Of what exceeds it, the head and the tail are kept: the head is handed over as
    it comes, the tail at the end, and one line between them tells how much was left out.
    ``clock`` returns nanoseconds since the epoch. ``sink`` is called in whichever thread writes, or in that of the
    ``ticker``, never twice at once. Without a ticker, a chunk's age is looked at only when something is written.
    If it raises, the chunk is kept and tried again a second later and at the end; the user's ``print`` is not
    disturbed, and `failure` holds the error for as long as it stands.
    """

    def __init__(
        self, sink: Sink, *, limit: int, clock: Callable[[], int] = time.time_ns, ticker: Ticker | None = None
    ) -> None:
        #: Last error of the sink whose chunk could not be handed over since, if any.
        self.failure: BaseException | None = None
        self.dropped_lines = 0
        self.dropped_bytes = 0
        self._sink = sink
        self._limit = limit
        self._tail_limit = min(limit // 2, TAIL_SIZE)
        self._clock = clock
        self._ticker = ticker
        self._ticking = False
        self._lock = threading.RLock()
        self._open = False
        self._part = 0
        self._stored = 0
        self._full = False
        self._tail: deque[tuple[int, str, int]] = deque()
        self._tail_size = 0
        self._dropped_at = 0
        self._lines: list[str] = []
        self._pending = 0
        self._since = 0
        self._partial: dict[tuple[str, int], tuple[int, str]] = {}
        self._token: Token[LogCapture | None] | None = None

    def __enter__(self) -> LogCapture:
        self._open = True
        self._token = _current.set(self)
        with _installing:
            _active.append(self)
            _install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _installing:
            if self in _active:
                _active.remove(self)
            if not _active:
                _uninstall()
        if self._token is not None:
            try:
                _current.reset(self._token)
            except ValueError:
                pass  # left in another context than entered; a closed capture is ignored there
            self._token = None
        if self._open:
            self._finish()

    def write(self, letter: str, text: str) -> None:
        """Take in a piece of a stream (``o`` or ``e``); a line is stored when it ends."""
        with self._lock:
            if not self._open:
                return
            now = self._clock()
            key = (letter, threading.get_ident())
            began, line = self._partial.pop(key, (now, ""))
            if line and (text[0] == "\r" or line[-1] == "\r") and not text.startswith(("\r\n", "\n")):
                line = ""  # a progress bar paints over itself: keep what a terminal would show
                text = text.removeprefix("\r")
            head, *rest = text.split("\n")
            line += head
            for following in rest:
                self._add(began, letter, line.removesuffix("\r"))
                began, line = now, following
            if len(line) >= LINE_SIZE:
                self._add(began, letter, line)
            elif line:
                self._partial[key] = (began, line)
            self._flush_if_due(now)

    def write_record(self, text: str) -> None:
        """Take in a logging record: one line, however many it spans."""
        with self._lock:
            if self._open:
                now = self._clock()
                self._add(now, "l", text)
                self._flush_if_due(now)

    def flush(self) -> None:
        """Hand over what is complete, without waiting for a chunk to fill."""
        with self._lock:
            if self._lines:
                self._hand_over()

    def _add(self, nanoseconds: int, letter: str, text: str) -> None:
        line = format_line(nanoseconds // 1000, letter, text)
        size = len(line) if line.isascii() else len(line.encode())
        if self._full or self._stored + size > self._limit - self._tail_limit:
            self._full = True  # from here on everything is tail: there is one gap, not many
            self._keep_in_tail(nanoseconds, line, size)
            return
        self._stored += size
        self._append(line, nanoseconds)

    def _keep_in_tail(self, nanoseconds: int, line: str, size: int) -> None:
        self._tail.append((nanoseconds, line, size))
        self._tail_size += size
        while self._tail_size > self._tail_limit:
            self._dropped_at, _, left_out = self._tail.popleft()
            self._tail_size -= left_out
            self._drop(1, left_out)

    def _append(self, line: str, nanoseconds: int) -> None:
        if not self._lines:
            self._since = nanoseconds
        self._lines.append(line)
        self._pending += len(line)

    def _drop(self, lines: int, size: int) -> None:
        self.dropped_lines += lines
        self.dropped_bytes += size

    def _flush_if_due(self, now: int) -> None:
        if not self._lines:
            return
        full = self._pending > CHUNK_SIZE and self.failure is None
        # A clock that was set back must not hold lines for hours, hence abs().
        if full or abs(now - self._since) >= CHUNK_AGE:
            self._hand_over()
        elif self._ticker is not None and not self._ticking:
            self._ticking = self._ticker.after(CHUNK_AGE / 1e9, self._tick)

    def _tick(self) -> None:
        """Hand over what has waited long enough although the step has written nothing since."""
        with self._lock:
            self._ticking = False
            self.flush()
            # what the sink refused may be taken later, but not when the run is over or another's
            if self._lines and self._ticker is not None and not isinstance(self.failure, LeaseLost):
                self._ticking = self._ticker.after(CHUNK_AGE / 1e9, self._tick)

    def _hand_over(self) -> None:
        text = "".join(self._lines)
        quiet, _thread.quiet = _thread.quiet, True  # what the sink prints is not the step's
        try:
            self._sink(self._part, text)
        except Exception as error:
            self.failure = error
            self._hold(text)
            return
        finally:
            _thread.quiet = quiet
        self.failure = None
        self._part += 1
        self._lines.clear()
        self._pending = 0

    def _hold(self, text: str) -> None:
        if len(text) > HELD_SIZE:
            self._drop(text.count("\n"), len(text.encode()))
            self._lines.clear()
            self._pending = 0
        else:
            self._lines = [text]
            self._since = self._clock()

    def _finish(self) -> None:
        with self._lock:
            for (letter, _), (began, line) in self._partial.items():
                self._add(began, letter, line)
            self._partial.clear()
            if self.dropped_lines:
                self._append(self._notice(), self._clock())
            while self._tail:
                nanoseconds, line, _ = self._tail.popleft()
                self._append(line, nanoseconds)
                if self._pending > CHUNK_SIZE and self.failure is None:
                    self._hand_over()
            if self._lines:
                self._hand_over()
            self._open = False

    def _notice(self) -> str:
        text = (
            f"runlore: {counted(self.dropped_lines, 'line')} ({counted(self.dropped_bytes, 'byte')}) left out here; "
            f"the log of one attempt is limited to {counted(self._limit, 'byte')} (the setting log_limit)."
        )
        return format_line((self._dropped_at or self._clock()) // 1000, "l", text)

    def _abandon(self) -> None:
        """Forget everything, in a forked child: the parent stores these lines, and the lock may be held by nobody."""
        self._lock = threading.RLock()
        self._open = self._ticking = False
        self._lines = []
        self._tail.clear()
        self._partial = {}


def terminal(name: str) -> Any:
    """Return ``sys.stdout`` or ``sys.stderr`` as it is without capture, for messages of runlore itself; may be None."""
    stream = getattr(sys, name)
    while isinstance(stream, _Proxy):
        stream = stream._target
    return stream


class _Thread(threading.local):
    #: Whether output of this thread is already accounted for, or nobody's.
    quiet = False


_thread = _Thread()
_current: ContextVar[LogCapture | None] = ContextVar("runlore_log_capture", default=None)
_active: list[LogCapture] = []
_installing = threading.RLock()


def _receiver() -> LogCapture | None:
    if not _active or _thread.quiet:
        return None
    try:
        if len(_active) == 1:
            return _active[0]
        current = _current.get()
        return current if current is not None and current._open else _active[-1]
    except IndexError:  # the last capture ended between the two looks
        return None


class _Proxy:
    """A stand-in for ``sys.stdout`` or ``sys.stderr`` that writes to the target, then to the capture."""

    def __init__(self, target: Any, letter: str) -> None:
        self._target = target
        self._letter = letter

    def write(self, text: str) -> int:
        receiver = _receiver()
        if receiver is None:
            return self._pass_on(text)
        # The target may hold an older proxy inside (a wrapper that user code made): one line is stored once.
        _thread.quiet = True
        try:
            written = self._pass_on(text)
        finally:
            _thread.quiet = False
        if text:
            receiver.write(self._letter, text)
        return written

    def _pass_on(self, text: str) -> int:
        if self._target is not None:
            return self._target.write(text)  # type: ignore[no-any-return]
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if self._target is not None:
            self._target.flush()

    def isatty(self) -> bool:
        return self._target is not None and bool(self._target.isatty())

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:
        return getattr(self._target, "encoding", None) or "utf-8"

    @property
    def buffer(self) -> Any:
        return _Buffer(self._target.buffer, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        # Functions that mention a stream travel by value; it means that stream wherever they arrive.
        return _stream, ("stdout" if self._letter == "o" else "stderr",)

    def __repr__(self) -> str:
        return f"<captured {self._target!r}>"


def _stream(name: str) -> Any:
    return getattr(sys, name)


class _Buffer:
    """The bytes below a captured stream, for ``sys.stdout.buffer.write``."""

    def __init__(self, target: Any, proxy: _Proxy) -> None:
        self._target = target
        self._proxy = proxy

    def write(self, data: bytes | bytearray | memoryview) -> int:
        written: int = self._target.write(data)
        receiver = _receiver()
        if receiver is not None and len(data):
            receiver.write(self._proxy._letter, bytes(data).decode("utf-8", "surrogateescape"))
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


def _install() -> None:
    if not isinstance(sys.stdout, _Proxy):
        sys.stdout = _Proxy(sys.stdout, "o")
    if not isinstance(sys.stderr, _Proxy):
        sys.stderr = _Proxy(sys.stderr, "e")
    global _observing
    if not _observing:
        _observing = True
        _observe_logging()


def _uninstall() -> None:
    if isinstance(sys.stdout, _Proxy):
        sys.stdout = sys.stdout._target
    if isinstance(sys.stderr, _Proxy):
        sys.stderr = sys.stderr._target


_observing = False
_formatter = logging.Formatter("%(levelname)s %(name)s: %(message)s")


def _observe_logging() -> None:
    call_handlers = logging.Logger.callHandlers

    # Stays for good: others wrap this method too, and taking it out from under them would undo their work.
    def observed(self: logging.Logger, record: logging.LogRecord) -> None:
        receiver = _receiver()
        if receiver is None:
            return call_handlers(self, record)
        receiver.write_record(_record_text(record))
        _thread.quiet = True  # handlers that print to a captured stream would store the record a second time
        try:
            return call_handlers(self, record)
        finally:
            _thread.quiet = False

    logging.Logger.callHandlers = observed  # type: ignore[method-assign]


def _record_text(record: logging.LogRecord) -> str:
    cached = record.exc_text
    try:
        return _formatter.format(record)
    except Exception:  # wrong arguments: Python's own handlers report that, the log keeps what there is
        return f"{record.levelname} {record.name}: {record.msg!s} {record.args!r}"
    finally:
        record.exc_text = cached  # formatters share this field; leave the user's to fill it in


def _after_fork() -> None:
    global _installing
    _installing = threading.RLock()
    for capture in _active:
        capture._abandon()
    _active.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
