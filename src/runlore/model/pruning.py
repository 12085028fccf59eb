"""Pruning: which unused versions are wanted gone, what of them, and what became of it."""

from __future__ import annotations

from datetime import datetime

from runlore.model.noun import noun

#: What of an unused version is deleted: all of it, only its bytes, or only what the record knows of it.
PARTS = ("all", "artifact", "metadata")


@noun
class Pruning:
    """Which of the versions that nothing refers to are meant (`docs/design/blobs.md`, "Pruning")."""

    #: One of `PARTS`.
    part: str = "all"
    #: Only versions made before this time.
    before: datetime | None = None
    #: The newest so many versions of each artifact stay, used or not.
    keep_last: int = 0
    #: Also versions that somebody saved or registered by hand.
    manual: bool = False


@noun
class Unused:
    """A version that nothing refers to."""

    #: `Version.seq`
    seq: int
    artifact: str
    version: str
    #: Bytes of its value, shared or not.
    size: int

    @property
    def name(self) -> str:
        """As a pathspec, without the prefix: ``model@3``."""
        return f"{self.artifact}@{self.version}"


@noun
class Since:
    """A moment of the record: what came later is in these runs, or among versions after this one."""

    #: The oldest run that was running then, or the next one to begin.
    run: int
    #: The newest version.
    version: int


@noun
class Prunable:
    """What a `Pruning` means at one moment."""

    versions: tuple[Unused, ...]
    since: Since


@noun
class Pruned:
    """What a prune did, or, as a dry run, would do."""

    versions: tuple[Unused, ...]
    #: Payloads and files that are gone.
    payloads: int = 0
    files: int = 0
    #: Bytes of these.
    freed: int = 0
    #: Versions, files and bytes that stay until the next prune, since a run or a save was going on beside.
    waiting_versions: int = 0
    waiting_files: int = 0
    waiting_bytes: int = 0
    #: What could not be deleted, one message each.
    errors: tuple[str, ...] = ()
    dry_run: bool = False
