"""Start: the program ``runlore``, which should be there at once.

A listing takes a millisecond, and importing what prints it takes most of a tenth of a second. Three things that do not
show save a fifth: nothing looks for garbage while modules are imported; of `inspect`, which brings the parser and
the disassembler, click gets the one function that it calls; and at the end nothing looks for garbage either.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from types import ModuleType
from typing import Any

#: Set when a shell asks what may stand under its cursor; see `runlore.show.cli.completion`.
COMPLETING = "_RUNLORE_COMPLETE"
#: Packages that are imported before code of the user's is: what that left behind is finalised as Python does it.
_FOREIGN = ("runlore.execute.run", "runlore.values.registry")


def start() -> None:
    """Run the command line of this process, and exit with its code."""
    gc.disable()
    try:
        _import_click()
        from runlore.show.cli.main import main  # after click, and while nothing is collected
    finally:
        gc.enable()
    try:
        if COMPLETING in os.environ:
            _complete(main)
        main(prog_name="runlore")
    finally:
        if not any(name in sys.modules for name in _FOREIGN):
            gc.freeze()  # the interpreter's last collections would look at every module for nothing


def _complete(main: Any) -> None:
    """Answer the completion script of a shell, in silence whatever happens."""
    try:
        import runlore.show.cli.completion  # noqa: F401  (how bash asks)

        main(prog_name="runlore")
    except Exception:
        sys.exit(1)


def _import_click() -> None:
    if "inspect" in sys.modules:
        return
    sys.modules["inspect"] = LightInspect("inspect")
    try:
        import click  # noqa: F401
    finally:
        del sys.modules["inspect"]  # everybody else gets the whole


class LightInspect(ModuleType):
    """`inspect` as click needs it: help without its indentation. The rest is imported when it is asked for."""

    @staticmethod
    def cleandoc(doc: str) -> str:
        """The same as `inspect.cleandoc`."""
        first, *others = doc.expandtabs().split("\n")
        margin = min((len(line) - len(line.lstrip()) for line in others if line.lstrip()), default=0)
        lines = [first.lstrip(), *(line[margin:] for line in others)]
        while lines and not lines[-1]:
            lines.pop()
        while lines and not lines[0]:
            del lines[0]
        return "\n".join(lines)

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("inspect"), name)
