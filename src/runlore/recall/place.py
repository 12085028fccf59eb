"""Place: what recall needs of a workspace, whoever composed it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from runlore.model.pruning import Pruned, Pruning
    from runlore.record.port import Record
    from runlore.record.vault import Vault


class Place(Protocol):
    """A workspace as recall sees it: the record, the values, the settings, the blobs and who owns running runs."""

    @property
    def record(self) -> Record: ...

    @property
    def vault(self) -> Vault: ...

    @property
    def settings(self) -> Any: ...

    @property
    def blobs(self) -> Any: ...

    @property
    def ownership(self) -> Any: ...

    def complete(self, run: int) -> None:
        """Wait until all that this process gathers about a run is recorded."""

    def prune(self, pruning: Pruning, *, dry_run: bool, threads: int, ignore_errors: bool) -> Pruned:
        """Delete what nothing refers to, or tell what that would be."""
