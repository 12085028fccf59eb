"""What a value saved outside of a pipeline costs, beside plain writing of the very bytes that runlore stores for it."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from floor import Floor
from measure import Row, emptied, timed

from runlore import save_artifact
from runlore.workspace import default_workspace

SMALL = 10_000
FILES = 1_000
#: A file younger than this is not trusted to be unchanged, so it would be hashed again (seconds).
SETTLED = 2.5


def values(rounds: int) -> Iterator[Row]:
    """Collections with numbers and arrays inside, ten thousand small values, and a folder of a thousand files."""
    for name, make in VALUES.items():
        with emptied() as folder:
            yield from _value(rounds, folder, name, make)
    with emptied() as folder:
        yield from _small_values(folder)


def numpy_scalars() -> Any:
    import numpy as np

    source = np.random.default_rng()
    return [
        {
            "id": np.int64(place),
            "score": source.random(),
            "loss": np.float32(source.random()),
            "ok": np.bool_(place % 2),
        }
        for place in range(300)
    ]


def hundred_arrays() -> Any:
    import numpy as np

    source = np.random.default_rng()
    return {f"layer {place}": source.random((64, 64)) for place in range(100)}


def folder_of_files() -> Path:
    import numpy as np

    source = np.random.default_rng()
    folder = Path(tempfile.mkdtemp(prefix="runlore-bench-"))
    for place in range(FILES):
        path = folder / f"part {place % 10}" / f"{place}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(source.bytes(10_000))
    return folder


VALUES: dict[str, Callable[[], Any]] = {
    "list of 300 dicts of numpy scalars": numpy_scalars,
    "dict of 100 arrays of 64 × 64": hundred_arrays,
    "folder of 1,000 files": folder_of_files,
}


def _value(rounds: int, folder: Path, name: str, make: Callable[[], Any]) -> Iterator[Row]:
    floor = Floor(folder / "floor")
    save_artifact(make(), "first")
    times: list[tuple[float, ...]] = []
    files = len(_blobs())
    for _ in range(max(5, rounds)):
        value = make()
        versions: list[Any] = []
        saved = timed(lambda value=value, versions=versions: versions.append(save_artifact(value, "value")))
        parts = _stored(versions[0])
        names: list[str] = []
        # a folder stays a folder of files; a single small payload is a row
        write = floor.keep if len(parts) > 1 else floor.put
        kept = timed(lambda parts=parts, names=names, write=write: names.extend(map(write, parts)))
        read = timed(lambda names=names: [floor.get(name) for name in names])
        time.sleep(SETTLED if len(parts) > 1 else 0)
        loaded = timed(versions[0].load)
        times.append((kept, saved, read, loaded))
    files = len(_blobs()) - files
    floor.close()
    kept, saved, read, loaded = (statistics.median(column) for column in zip(*times, strict=True))
    yield Row(what=f"{name}: save ({files / len(times):.4g} files)", floor=kept, runlore=saved)
    yield Row(what=f"{name}: load", floor=read, runlore=loaded)
    if Path("/proc/self/clear_refs").exists():
        from large import in_fresh_process

        yield Row(
            what=f"{name}: peak memory of saving, over the value",
            floor=None,
            runlore=in_fresh_process("1", f"values.{make.__name__}()"),
            unit="MB",
            budget="≤ 64 MB",
        )


def _small_values(folder: Path) -> Iterator[Row]:
    floor = Floor(folder / "floor")
    save_artifact(0, "first")
    versions: list[Any] = []
    saved = timed(lambda: versions.extend(save_artifact(place, "small") for place in range(SMALL)))
    rows: list[str] = []
    kept = timed(lambda: rows.extend(floor.put(b"%d" % place) for place in range(SMALL)))
    read = timed(lambda: [floor.get(row) for row in rows])
    loaded = timed(lambda: [version.load() for version in versions])
    files = len(_blobs())
    floor.close()
    yield Row(what=f"10,000 small values: save each ({files} files)", floor=kept, runlore=saved, units=SMALL)
    yield Row(what="10,000 small values: load each", floor=read, runlore=loaded, units=SMALL)


def _stored(version: Any) -> list[bytes]:
    """The bytes that runlore keeps of a version, file by file."""
    reader = default_workspace().vault.reader(version.content)
    names = reader.files()
    return [reader.file(name) for name in names] if names else [reader.read()]


def _blobs() -> list[Any]:
    return list(default_workspace().blobs.list())
