"""A ticker calls what it is given, at its time and in a thread of its own."""

from __future__ import annotations

import os
import threading

import pytest

from runlore.execute.ticker import Ticker


def test_actions_come_in_the_order_of_their_times() -> None:
    """What is due first is called first, and what raises does not stop the rest."""
    ticker, called, done = Ticker(), [], threading.Event()

    def fails() -> None:
        called.append("fails")
        raise RuntimeError

    ticker.after(0.03, done.set)
    ticker.after(0.02, lambda: called.append("second"))
    ticker.after(0.01, lambda: called.append("first"))
    ticker.after(0.0, fails)

    assert done.wait(30)
    assert called == ["fails", "first", "second"]


def test_what_is_due_sooner_does_not_wait_for_what_is_due_later() -> None:
    """An action that comes while the ticker waits for a later one is called at its own time."""
    ticker, sooner = Ticker(), threading.Event()
    ticker.after(3600.0, lambda: None)
    while not ticker._wake._waiters:  # type: ignore[attr-defined]
        pass  # until its thread waits for the hour to pass

    ticker.after(0.0, sooner.set)

    assert sooner.wait(30)


def test_an_idle_ticker_wakes_up() -> None:
    """A ticker that has nothing to do takes up what comes."""
    ticker = Ticker()
    for _ in range(3):
        done = threading.Event()
        ticker.after(0.0, done.set)
        assert done.wait(30)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_has_a_ticker_of_its_own() -> None:
    """After a fork the child's ticker works, and does not call what waits in the parent."""
    ticker, seen, parent = Ticker(), threading.Event(), os.getpid()
    ticker.after(60, lambda: None if os.getpid() == parent else os._exit(3))  # which comes while other tests run
    child = os.fork()
    if child == 0:
        ticker.after(0.0, seen.set)
        os._exit(0 if seen.wait(30) and len(ticker._due) == 0 else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_who_gets_no_thread_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started, an action is refused, and taken up again once one can."""
    ticker, done = Ticker(), threading.Event()

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        assert not ticker.after(0.0, done.set)

    assert ticker.after(0.0, lambda: None)
    assert ticker.after(0.0, done.set)
    assert done.wait(30)
