"""Tasks: those of one step, which may be thousands; shown as a list is, whole as a tuple is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.model.counted import counted

if TYPE_CHECKING:
    from runlore.recall.task import Task


class Tasks(tuple["Task", ...]):
    """The tasks of a step, by index."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown = ", ".join(task.pathspec for task in self[:3])
        return f"<{counted(len(self), 'task')}{': ' if shown else ''}{shown}{', …' if len(self) > 3 else ''}>"

    def _repr_html_(self) -> str:
        from runlore.recall.html.listing import ROWS, listing_html  # what only notebooks need

        return listing_html("task", self[:ROWS], len(self))
