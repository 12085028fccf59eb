"""Hooks: functions of the user's that are told how a step or a run ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runlore.execute import events


def call_hook(
    hook: Callable[..., Any], error: BaseException | None, emit: Callable[[Any], None], *, run: str, step: str = ""
) -> None:
    """Call a hook with the exception, if there is one and it takes an argument.

    A hook tells people something; it never decides how a step ended, so what it raises is reported and changes nothing.
    """
    arguments = () if error is None else (error,)
    try:
        hook(*arguments[: _positional(hook)])
    except Exception as broken:
        emit(events.HookFailed(run=run, step=step, message=repr(broken)))


def _positional(hook: Callable[..., Any]) -> int:
    """How many of (exception,) a hook takes."""
    code = getattr(hook, "__code__", None)
    return 1 if code is None or code.co_argcount > 0 or code.co_flags & 0x04 else 0
