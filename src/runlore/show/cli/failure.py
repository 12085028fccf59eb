"""Failure: how an exception of the user's code is told on the command line: with the user's lines, and no others."""

from __future__ import annotations

import traceback
from pathlib import Path

import click

from runlore.errors import QueryInvalid

_OURS = (str(Path(__file__).parents[2]), "<frozen importlib", str(Path(traceback.__file__).parent / "importlib"))


def failed(error: BaseException, what: str) -> click.ClickException:
    """Print the traceback of ``error`` without frames of runlore and of Python's importing; return the last line."""
    told = traceback.TracebackException.from_exception(error)
    _keep_the_users(told)
    click.echo("".join(told.format()), err=True, nl=False)
    return click.ClickException(f"{what}: {type(error).__name__}: {one_line(error)}")


def _keep_the_users(told: traceback.TracebackException | None) -> None:
    while told is not None:
        kept = [frame for frame in told.stack if not frame.filename.startswith(_OURS)]
        told.stack = traceback.StackSummary.from_list(kept or told.stack)
        _keep_the_users(told.__context__)
        told = told.__cause__


def one_line(error: BaseException) -> str:
    """The error's message in one line, or its class where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def with_notes(error: BaseException) -> str:
    """The same, and what was noted on the way: which step of which run raised it."""
    notes = "; ".join(" ".join(note.split()) for note in getattr(error, "__notes__", ()))
    # what is wrong with a filter is shown below the filter
    said = str(error) if isinstance(error, QueryInvalid) else one_line(error)
    return said + (f" ({notes})" if notes else "")
