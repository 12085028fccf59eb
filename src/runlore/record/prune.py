"""Prune: delete what nothing refers to, beside whoever writes and reads (`docs/design/blobs.md`, "Pruning")."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from runlore.errors import ArtifactCorrupt, ArtifactMissing, StoreError
from runlore.model.digest import is_digest
from runlore.model.pruning import Pruned, Pruning, Since
from runlore.platform import crash_point
from runlore.record.blobs.port import Blobs
from runlore.record.blobs.tree import decode_manifest
from runlore.record.port import Record

#: Versions, payloads and marks in one transaction, some 20 ms of work.
CHUNK = 2_000
#: Files in one transaction.
FILES = 200
_UNKNOWN = "No file is deleted, since its files are not known. `runlore check` says more."

T = TypeVar("T")


class Reachable:
    """Which blobs the record refers to, trees' and snapshots' files included. Each manifest is read once."""

    def __init__(self, record: Record, blobs: Blobs, *, ignore_errors: bool = False) -> None:
        self._record = record
        self._blobs = blobs
        self._ignore = ignore_errors
        self._named: dict[str, tuple[str, ...]] = {}
        self.errors: list[str] = []

    def digests(self, references: Iterable[tuple[str, str]]) -> set[str]:
        """Raises `ArtifactMissing` or `ArtifactCorrupt` for a manifest that cannot be read, unless that is ignored."""
        found: set[str] = set()
        for digest, form in dict.fromkeys(references):
            if form != "inline":
                found.add(digest)
                if form in ("tree", "code"):
                    found.update(self.named(digest, form))
        return found

    def named(self, digest: str, form: str) -> tuple[str, ...]:
        """The blobs that a manifest names."""
        if digest not in self._named:
            try:
                self._named[digest] = named_by(digest, form, self._blobs)
            except (ArtifactMissing, ArtifactCorrupt) as error:
                if not self._ignore:
                    raise
                self.errors.append(str(error))
                self._named[digest] = ()
        return self._named[digest]


def named_by(digest: str, form: str, blobs: Blobs) -> tuple[str, ...]:
    """The blobs that the manifest of a ``tree``, or of a snapshot of ``code``, names.

    Raises `ArtifactMissing`, `ArtifactCorrupt`.
    """
    data = blobs.read(digest)
    if form == "tree":
        return tuple(file.digest for file in decode_manifest(data, digest))
    try:
        body = json.loads(data)
        named = (*body["files"].values(), *body["cells"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return ()  # a snapshot of another form
    return tuple(one for one in named if isinstance(one, str) and is_digest(one))


class Pruner:
    """Prunes one workspace."""

    def __init__(self, record: Record, blobs: Blobs, held: Callable[[], Collection[str]]) -> None:
        """``held`` tells which leases are held now, by anybody: `runlore.record.ownership.Ownership.held`."""
        self._record = record
        self._blobs = blobs
        self._held = held

    def preview(self, pruning: Pruning, *, ignore_errors: bool = False) -> Pruned:
        """What `prune` would do if it came now. Writes nothing."""
        record, held = self._record, self._held()
        found = record.prunable(pruning)
        going = frozenset(one.seq for one in found.versions) if pruning.part != "metadata" else frozenset()
        # what others hold on to stays with all its bytes; so does what this prune would only mark
        references = set(record.references(condemned=bool(held), without=frozenset() if held else going))
        wanted = {digest for digest, form in references if form == "inline"}
        payloads = [size for digest, size in record.payloads() if digest not in wanted]
        reachable, dead = Reachable(record, self._blobs, ignore_errors=ignore_errors), record.dead()
        files: dict[str, int] = {}
        waiting: dict[str, int] = {}
        try:
            stays = reachable.digests(references)
            files = {digest: size for digest, size in self._blobs.list() if digest not in stays}
            if held:
                left = reachable.digests(record.references(condemned=False, without=going))
                waiting = {d: size for d, size in self._blobs.list() if d not in left and not dead.get(d, False)}
                files = {digest: size for digest, size in files.items() if digest not in waiting}
        except (ArtifactMissing, ArtifactCorrupt) as error:
            reachable.errors.append(f"{error} {_UNKNOWN}")
            files = waiting = {}
        return Pruned(
            versions=found.versions,
            payloads=len(payloads),
            files=len(files),
            freed=sum(payloads) + sum(files.values()),
            waiting_versions=len(found.versions) if held else 0,
            waiting_files=len(waiting),
            waiting_bytes=sum(waiting.values()),
            errors=tuple(reachable.errors),
            dry_run=True,
        )

    def prune(self, pruning: Pruning, *, threads: int = 4, ignore_errors: bool = False) -> Pruned:
        """Delete what nothing refers to, in steps that let others go on. Killed anywhere, it loses nothing.

        Without ``ignore_errors``, raises the first error of a file that cannot be deleted; what could be deleted before
        is, and the next prune goes on. A list of files that cannot be read keeps all files, and is told in the result.
        """
        record = self._record
        found = record.prunable(pruning)
        condemned: set[int] = set()
        for part in _parts(found.versions, CHUNK):
            condemned.update(record.condemn([one.seq for one in part], found.since, pruning.part))
            crash_point("prune.condemned")
        reachable = Reachable(record, self._blobs, ignore_errors=ignore_errors)
        errors, known = reachable.errors, True
        sizes = dict(self._blobs.list())
        try:
            self._mark_files(reachable, sizes)
        except (ArtifactMissing, ArtifactCorrupt) as error:
            errors.append(f"{error} {_UNKNOWN}")
            known = False
        marks, held = record.marks(), self._held()  # in this order: see `Record.settle`
        record.settle(marks, held)
        crash_point("prune.settled")
        while record.clear(CHUNK):
            crash_point("prune.cleared")
        payloads, freed = self._drop_payloads(found.since)
        files = 0
        if known:
            files, buried = self._bury(reachable, threads, errors if ignore_errors else None)
            freed += buried
        waiting = [sizes.get(digest, 0) for digest in record.dead()]
        record.compact()
        self._blobs.sweep()
        return Pruned(
            versions=tuple(one for one in found.versions if one.seq in condemned),
            payloads=payloads,
            files=files,
            freed=freed,
            waiting_versions=len(condemned) if held else 0,
            waiting_files=len(waiting),
            waiting_bytes=sum(waiting),
            errors=tuple(errors),
        )

    def _mark_files(self, reachable: Reachable, sizes: dict[str, int]) -> None:
        """Mark files that nothing refers to, or only versions marked to go."""
        wanted = reachable.digests(self._record.references(condemned=False))
        dead = self._record.dead()
        for digest in dead.keys() & wanted:  # in use again since an earlier prune
            self._record.spare(digest)
        for part in _parts([digest for digest in sizes if digest not in wanted and digest not in dead], CHUNK):
            self._record.condemn_blobs(part)
            crash_point("prune.marked")

    def _drop_payloads(self, since: Since) -> tuple[int, int]:
        wanted = {digest for digest, form in self._record.references() if form == "inline"}
        count = freed = 0
        for part in _parts([digest for digest, _ in self._record.payloads() if digest not in wanted], CHUNK):
            dropped, size = self._record.drop_payloads(part, since)
            count, freed = count + dropped, freed + size
            crash_point("prune.dropped")
        return count, freed

    def _bury(self, reachable: Reachable, threads: int, errors: list[str] | None) -> tuple[int, int]:
        """Delete files whose mark is ripe; return how many, and their bytes."""
        ripe = [digest for digest, is_ripe in self._record.dead().items() if is_ripe]
        if not ripe:
            return 0, 0
        # Whoever held a lease when the marks were made has committed what it refers to, and whoever came later took the
        # marks away of what it is about to refer to. So what is referred to now is all that there can be.
        wanted = reachable.digests(self._record.references())
        going = [digest for digest in ripe if digest not in wanted]
        deleted: list[int] = []

        def delete(digest: str) -> int:
            try:
                return self._blobs.delete(digest)
            except StoreError as error:
                if errors is None:
                    raise
                errors.append(str(error))
                return 0

        with ThreadPoolExecutor(max(threads, 1), thread_name_prefix="runlore-prune") as pool:

            def together(digests: Sequence[str]) -> int:
                sizes = list(pool.map(delete, digests)) if threads > 1 else [delete(one) for one in digests]
                deleted.extend(size for size in sizes if size)
                return sum(sizes)

            for part in _parts(going, FILES):
                self._record.bury(part, together)
                crash_point("prune.buried")
        return len(deleted), sum(deleted)


def _parts(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
