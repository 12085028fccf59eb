"""Hugging Face datasets as the folder of `save_to_disk`, mapped when they are loaded."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import datasets

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values.arrow import ArrowMaterializer
from runlore.values.described import DESCRIBED_COLUMNS, csv_picture
from runlore.values.files import scratch_folder, take_folder
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer
from runlore.values.payload import lasting_folder

_PICTURED_ROWS = 20
_STATE = "state.json"
_ARROW = ArrowMaterializer()


class DatasetsMaterializer(Materializer):
    """Stores a Dataset or DatasetDict: rows, features, split, info and format.

    Its fingerprint, by which `datasets` recognises what it computed before, becomes one of the content: two equal
    datasets have an equal one, whichever way they were made.
    """

    name = "datasets"
    types = ("datasets.Dataset", "datasets.DatasetDict", "datasets.IterableDataset", "datasets.IterableDatasetDict")
    extra = "datasets"

    def takes(self, value: Any) -> bool:
        return type(value) in _STORED or isinstance(value, _STREAMED)

    def save(self, value: Any, writer: Writer) -> None:
        if isinstance(value, _STREAMED):
            raise ValueUnstorable(
                f"A {type(value).__name__} is a stream of rows, and has none until somebody goes through it. Store a "
                "Dataset instead: Dataset.from_generator(lambda: iter(stream), features=stream.features)."
            )
        if type(value) not in _STORED:
            raise Declined(f"{type(value).__qualname__} is a subclass of what save_to_disk restores.")
        parts = value if isinstance(value, datasets.DatasetDict) else {None: value}
        if not all(part.column_names for part in parts.values()):
            raise Declined("save_to_disk writes no dataset without columns.")
        # of no rows it would write no file, and then not read that
        shards = {name: None if part.num_rows else 1 for name, part in parts.items()}
        with scratch_folder() as folder, _quiet():
            value.save_to_disk(str(folder), num_shards=shards.get(None, shards))
            for state in sorted(folder.rglob(_STATE)):
                _name_by_content(state)
            take_folder(folder, writer)

    def load(self, reader: Reader) -> Any:
        # what `map` keeps lies beside the files, so they are given a folder of this process, not the store's own
        place = Path(tempfile.mkdtemp(dir=lasting_folder()))
        stored = reader.path()
        for name in reader.files():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            _lead(stored / name, place / name)
        try:
            with _quiet():
                return datasets.load_from_disk(str(place))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueUnloadable(f"The files are not a stored dataset: {type(error).__name__}: {error}.") from error

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``shape`` and ``features`` by column, and what is known of an Arrow table; of a dict, ``rows`` by split."""
        if isinstance(value, datasets.DatasetDict):
            features = {split: _features(part) for split, part in value.items()}
            return {"rows": {str(split): part.num_rows for split, part in value.items()}, "features": features}
        found: dict[str, Any] = {"shape": list(value.shape), "features": _features(value)}
        if value._indices is None:  # else rows are chosen from a table, and looking them up takes long
            found = {**_ARROW.metadata(value.data.table), **found}
        return found

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The first rows of each split, as CSV."""
        parts = value.items() if isinstance(value, datasets.DatasetDict) else [("sample", value)]
        return tuple(_sheet(str(name), part) for name, part in list(parts)[:_PICTURED_ROWS] if part.column_names)


_STORED = (datasets.Dataset, datasets.DatasetDict)
_STREAMED = (datasets.IterableDataset, datasets.IterableDatasetDict)


def _name_by_content(state: Path) -> None:
    """Replace the fingerprint, which tells of how a dataset was made, by one of what it is."""
    said = json.loads(state.read_text(encoding="utf-8"))
    said["_fingerprint"] = ""
    found = sha256(json.dumps(said, sort_keys=True).encode())
    for path in sorted(state.parent.iterdir()):
        if path.is_file() and path != state:
            with path.open("rb") as file:
                found.update(f"\n{path.name} ".encode())
                while chunk := file.read(1 << 20):
                    found.update(chunk)
    said["_fingerprint"] = found.hexdigest()[:16]
    state.write_text(json.dumps(said, indent=2, sort_keys=True), encoding="utf-8")


def _lead(target: Path, link: Path) -> None:
    try:
        os.symlink(target.resolve(), link)
    except OSError:  # Windows, without the right to make links
        shutil.copyfile(target, link)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars: what a step prints belongs to the user."""
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _features(part: Any) -> dict[str, str]:
    return {name: str(feature) for name, feature in list(part.features.items())[:DESCRIBED_COLUMNS]}


def _sheet(name: str, part: Any) -> Picture:
    head = part.with_format("arrow")[:_PICTURED_ROWS]
    columns = head.column_names[:DESCRIBED_COLUMNS]
    return csv_picture(name, columns, zip(*(head.column(column).to_pylist() for column in columns), strict=True))
