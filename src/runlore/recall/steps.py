"""Steps: the steps of a run, by invocation id, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runlore.recall.named import Named
from runlore.recall.step import Step

if TYPE_CHECKING:
    from runlore.recall.run import Run


class Steps(Named[Step]):
    """Steps of a run by invocation id, in declared order. A missing one raises `NotFound`, which is a `KeyError`."""

    def __init__(self, steps: Mapping[str, Step], run: Run) -> None:
        super().__init__(steps, kind="step", owner=run.pathspec)
        self._run = run

    def to_frame(self, library: str | None = None) -> Any:
        """Return a frame with a row each: facts, parameters, metadata and last values of metrics; see `Listing`."""
        from runlore.recall.frame import frame_of_rows  # with what only tables need
        from runlore.recall.rows import step_rows

        return frame_of_rows(step_rows(self._run._record, self._run.seq, self.values()), library)
