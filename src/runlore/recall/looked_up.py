"""Looked up: handles of what steps and tasks looked up by name while they ran."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from runlore.model.artifact import LookedUp
from runlore.recall.named import Named

if TYPE_CHECKING:
    from runlore.recall.reader import Reader
    from runlore.recall.version import ArtifactVersion


def looked_up(reader: Reader, found: Iterable[LookedUp], owner: str) -> Named[ArtifactVersion | None]:
    """Versions under the pathspec that was asked for; of a name that was asked for again, what it meant last."""
    versions = {one.name: None if one.version is None else reader.version_at(one.version) for one in found}
    return Named(versions, kind="look-up", owner=owner)
