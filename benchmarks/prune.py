"""What pruning costs: versions that nothing refers to, as many in use beside them, values in rows and in files."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

from measure import Row, emptied, timed

from runlore import Client
from runlore.model.artifact import Content, SaveType
from runlore.model.change import NewVersion, VersionSaved
from runlore.model.digest import digest_of
from runlore.workspace import default_workspace

VERSIONS = 100_000
FILES = 2_000
IN_USE = 1_000
_AT_ONCE = 10_000


def prune(rounds: int) -> Iterator[Row]:
    """A hundred thousand versions go, two thousand of them files; a thousand others stay."""
    with emptied(durability="relaxed") as folder:
        workspace = default_workspace()
        files = [workspace.blobs.put(b"file %d" % number) for number in range(FILES)]
        contents = [
            Content(materializer="bytes", type="builtins.bytes", digest=one, size=9, form="blob") for one in files
        ]
        contents += [_inline(b"%d" % number) for number in range(VERSIONS - FILES)]
        for start in range(0, VERSIONS, _AT_ONCE):
            with workspace.record.batch():
                for content in contents[start : start + _AT_ONCE]:
                    workspace.record.commit([_saved(content, SaveType.EXTERNAL)])
        with workspace.record.batch():
            for number in range(IN_USE):
                workspace.record.commit([_saved(_inline(b"kept %d" % number), SaveType.MANUAL)])
        before = (folder / "home" / "record.db").stat().st_size
        client = Client()
        looked = timed(lambda: client.prune_artifacts(dry_run=True))
        pruned = timed(client.prune_artifacts)
        left = client.list_artifact_versions()
        if len(left) != IN_USE:
            raise RuntimeError(f"{len(left)} versions are left of {IN_USE}, so this measured something else")
        after = (folder / "home" / "record.db").stat().st_size
    what = f"prune of {VERSIONS:,} versions, {FILES:,} of them files"
    yield Row(what=f"{what}: dry run", floor=None, runlore=looked)
    yield Row(what=what, floor=None, runlore=pruned)
    yield Row(what=f"{what}: record before", floor=None, runlore=before, unit="MB")
    yield Row(what=f"{what}: record after", floor=None, runlore=after, unit="MB")


def _inline(data: bytes) -> Content:
    return Content(
        materializer="json", type="builtins.int", digest=digest_of(data), size=len(data), payload=data, form="inline"
    )


def _saved(content: Content, save_type: SaveType) -> VersionSaved:
    return VersionSaved(version=NewVersion(id=uuid4(), artifact="value", content=content, save_type=save_type))
