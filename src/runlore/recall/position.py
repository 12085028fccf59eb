"""Position: what every handle says about its place among the others, when it came and ended, and what led to it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from runlore.author.reads import note_read
from runlore.errors import NotFound
from runlore.model.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.model.lineage import Key
    from runlore.recall.lineage.graph import Lineage
    from runlore.record.port import Record


class Positioned:
    """A handle with a place in the hierarchy."""

    @property
    def pathspec(self) -> str:
        """Name by position; see `docs/design/semantics.md`, "Pathspecs"."""
        raise NotImplementedError

    @property
    def path_components(self) -> list[str]:
        """The parts of the pathspec: ``["training", "12", "train"]``."""
        return self.pathspec.split("/")

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            raise self._not_written(name)
        super().__setattr__(name, value)

    def _not_written(self, name: str) -> AttributeError:
        """What a misspelt `note` is told, which would otherwise be lost without a word."""
        if not hasattr(type(self), "note"):
            return AttributeError(f"{self.pathspec} has no {name!r}, and nothing of it can be set.")
        said = did_you_mean(name, ["note"], limit=0)
        if not said.endswith("?"):
            said = f" What can be set is 'note'; facts are kept by log_metadata({{{name!r}: …}})."
        return AttributeError(f"{self.pathspec} has no {name!r} that can be set.{said}")


class Timed(Positioned):
    """A handle of something that came and ended, and may have been taken over from an earlier run."""

    def _times(self) -> tuple[datetime | None, datetime | None]:
        raise NotImplementedError

    @property
    def origin(self) -> Any:
        """What its result was taken over from, if it was."""
        raise NotImplementedError

    @property
    def created_at(self) -> datetime | None:
        """When it came to be: a run, when it began; a step or task, when it started; ``None`` before that."""
        return self._times()[0]

    @property
    def finished_at(self) -> datetime | None:
        """When it ended, however it ended; ``None`` before that. An artifact version ends as it is made."""
        return self._times()[1]

    @property
    def origin_pathspec(self) -> str | None:
        """Pathspec of its `origin`; ``None`` when it has none, or when that was deleted."""
        try:
            origin = self.origin
        except NotFound:
            return None
        return None if origin is None else str(origin.pathspec)


class Traceable(Positioned):
    """Something that was made from something, or from which something was made."""

    @property
    def _record(self) -> Record:
        raise NotImplementedError

    def _nodes(self) -> Sequence[Key]:
        """What of the graph it is."""
        raise NotImplementedError

    def lineage(
        self, direction: str = "both", depth: int | None = None, *, breadth: int | None = 50, limit: int | None = 500
    ) -> Lineage:
        """What it was made from (``"up"``), what came of it (``"down"``) or both, as a graph of steps and versions.

        ``depth`` says how many steps away; a step itself, with what it took or gave, is at depth 0. ``breadth`` says
        how many links of one node are followed, of consumers the newest, and ``limit`` how many nodes there are at most
        in each direction; ``None`` sets no bound. What is left out is told. Raises `QueryInvalid` for anything else.
        """
        from runlore.recall.lineage.graph import lineage_of  # few handles are asked for it

        note_read(f"the lineage of {self.pathspec}")
        return lineage_of(
            self._record, self.pathspec, self._nodes(), direction, depth=depth, breadth=breadth, limit=limit
        )
