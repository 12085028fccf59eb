"""Traceable: what has lineage; base of the handles of runs, steps, tasks and versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.author.reads import note_read
from runlore.recall.position import Positioned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.model.lineage import Key
    from runlore.recall.lineage import Lineage
    from runlore.record.port import Record


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
        from runlore.recall.lineage import lineage_of  # few handles are asked for it

        note_read(f"the lineage of {self.pathspec}")
        return lineage_of(
            self._record, self.pathspec, self._nodes(), direction, depth=depth, breadth=breadth, limit=limit
        )
