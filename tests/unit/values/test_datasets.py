"""Hugging Face datasets: exact, mapped, described, and stored apart from what computes on them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    datasets = pytest.importorskip("datasets")

from runlore import load_artifact, save_artifact
from runlore.errors import ValueUnstorable
from runlore.testing.payloads import MemoryWriter, PayloadReader
from runlore.values.datasets import DatasetsMaterializer
from runlore.values.materializer import Declined
from runlore.values.metadata import encode_metadata
from runlore.values.registry import materializer_for

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

STORE = DatasetsMaterializer()


def make() -> Any:
    return datasets.Dataset.from_dict(
        {"text": ["a", None, "ü"], "label": [0, 1, 0], "tokens": [[1], [], [2, 3]]},
        features=datasets.Features(
            text=datasets.Value("string"),
            label=datasets.ClassLabel(names=["no", "yes"]),
            tokens=datasets.List(datasets.Value("int32")),
        ),
        split="train",
    )


def files(value: Any) -> dict[str, bytes]:
    writer = MemoryWriter()
    STORE.save(value, writer)
    return {name: file.getvalue() for name, file in writer.tree.items()}


def load(value: Any, folder: Path) -> Any:
    return STORE.load(PayloadReader(folder, files(value), None))


def test_a_dataset_comes_back(tmp_path: Path) -> None:
    """Rows, features, split, info and format come back."""
    value = make().with_format("numpy", columns=["label"])
    assert materializer_for(value).name == "datasets"
    found = load(value, tmp_path)

    assert type(found) is datasets.Dataset and found.features == value.features and found.split == value.split
    assert found.format == value.format
    assert found.with_format(None).to_list() == value.with_format(None).to_list()
    assert found.info.description == value.info.description


def test_chosen_rows_come_back_alone(tmp_path: Path) -> None:
    """Of a dataset whose rows were chosen or shuffled these are stored, in their order."""
    value = make().select([2, 0])

    assert load(value, tmp_path).to_list() == value.to_list()


def test_a_dataset_without_rows_comes_back(tmp_path: Path) -> None:
    """Of no rows, alone or beside others, the features come back; without columns it is not stored as a folder."""
    none = make().select([])
    found = load(none, tmp_path / "alone")
    both = load(datasets.DatasetDict(train=make(), test=none), tmp_path / "both")

    assert found.num_rows == 0 and found.features == none.features and found.format == none.format
    assert both["test"].num_rows == 0 and both["train"].to_list() == make().to_list()
    with pytest.raises(Declined):
        files(datasets.Dataset.from_dict({}))


def test_a_dict_of_datasets_comes_back(tmp_path: Path) -> None:
    """A DatasetDict keeps its splits and their order."""
    value = datasets.DatasetDict({"train": make(), "test": make().select([1])})
    found = load(value, tmp_path)

    assert type(found) is datasets.DatasetDict and list(found) == ["train", "test"]
    assert {split: part.to_list() for split, part in found.items()} == {
        split: part.to_list() for split, part in value.items()
    }
    assert STORE.metadata(value)["rows"] == {"train": 3, "test": 1}
    encode_metadata("meta", dict(STORE.metadata(value)))
    assert [picture.name for picture in STORE.pictures(value)] == ["train", "test"]


def test_equal_datasets_have_equal_files() -> None:
    """However rows were computed, equal ones have equal files, and others have others."""
    one = make().map(lambda row: {"more": row["label"] + 1})
    other = make().map(lambda row: {"more": 1 + row["label"]}, keep_in_memory=True)

    assert files(one) == files(other)
    assert files(one)["state.json"] != files(make())["state.json"]


def test_what_is_computed_lies_beside_the_store(home: Path) -> None:
    """A stored dataset loads from the record, mapped; what `map` keeps changes nothing in the store."""
    value = make()
    version = save_artifact(value, "rows")
    found = load_artifact("rows")
    before = sorted((home / "blobs").rglob("*"))
    mapped = found.map(lambda row: {"more": row["label"]})

    assert list(mapped["more"]) == [0, 1, 0]
    assert before and before == sorted((home / "blobs").rglob("*"))
    assert load_artifact("rows").to_list() == value.to_list()
    assert version.metadata["shape"] == [3, 3]


def test_streams_are_refused_with_a_way_out() -> None:
    """An IterableDataset is refused, not pickled, and the error says what to store."""
    value = make().to_iterable_dataset()

    assert materializer_for(value).name == "datasets"
    with pytest.raises(ValueUnstorable, match="Dataset.from_generator"):
        STORE.save(value, MemoryWriter())


def test_no_progress_bars(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Storing and loading print nothing, and leave the setting as it was."""
    load(make(), tmp_path)

    assert capfd.readouterr().err == ""
    assert not datasets.are_progress_bars_disabled()


def test_metadata_and_picture() -> None:
    """A dataset says its shape, features, nulls and statistics, and shows its first rows."""
    value = make()
    told = STORE.metadata(value)

    assert told["shape"] == [3, 3] and told["null_count"] == {"text": 1} and told["max"] == {"label": 1}
    assert "yes" in told["features"]["label"]
    (picture,) = STORE.pictures(value)
    assert picture.name == "sample" and picture.data.startswith(b"text,label,tokens\n")
