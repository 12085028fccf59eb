"""Position: what every handle says about its place among the others, and when it came and ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runlore.errors import NotFound


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
