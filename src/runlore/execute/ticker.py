"""Ticker: calls something a little later, whatever the caller is busy with meanwhile. One thread serves a process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count


class Ticker:
    """Runs actions at their time, one after the other, in a thread that is started when the first one is due.

    An action should be short, and deals with its own errors: what it raises is dropped. An action that waits when the
    process ends is not run any more.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        # A child has neither the thread nor a use for the parent's actions, and the lock may be held by nobody.
        self._wake = threading.Condition()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, action: Callable[[], None]) -> bool:
        """Call ``action`` in so many seconds, or soon after.

        False if it will not be called: a process that ends, or has as many threads as it may, starts no thread.
        """
        with self._wake:
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="runlore-ticker", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return False
                self._thread = thread
            entry = (self._clock() + seconds, next(self._order), action)
            heappush(self._due, entry)
            if self._due[0] is entry:
                self._wake.notify()
            return True

    def _work(self) -> None:
        while True:
            action = self._next()
            with suppress(Exception):
                action()

    def _next(self) -> Callable[[], None]:
        with self._wake:
            while True:
                if not self._due:
                    self._wake.wait()
                    continue
                wait = self._due[0][0] - self._clock()
                if wait <= 0:
                    return heappop(self._due)[2]
                self._wake.wait(wait)


#: The ticker of this process.
TICKER = Ticker()
