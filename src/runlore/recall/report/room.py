"""Room: how many bytes a part of a report may take, so that the whole stays small whatever a run holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runlore.recall.html.markup import Html, escaped


class Room:
    """Bytes of UTF-8 that are left for a part of a page."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, part: Html) -> bool:
        """Whether the part fits; if so, its bytes are taken."""
        size = len(part.encode("utf-8", "replace"))
        if size > self.left:
            return False
        self.left -= size
        return True

    def fitting(self, parts: Iterable[Html]) -> list[Html]:
        """The parts from the first on that fit."""
        found: list[Html] = []
        for part in parts:
            if not self.take(part):
                break
            found.append(part)
        return found

    def lines(self, lines: Sequence[str], most: int | None = None) -> list[str]:
        """The lines from the first on that fit once they are escaped, in at most so many bytes."""
        left = self.left if most is None else min(most, self.left)
        found: list[str] = []
        for line in lines:
            size = len(escaped(line).encode("utf-8", "replace")) + 1
            if size > left:
                break
            left -= size
            self.left -= size
            found.append(line)
        return found
