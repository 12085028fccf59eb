"""Pathspecs: reading and writing names by position."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import PathspecInvalid
from runlore.model.pathspec import ArtifactPath, RunPath, parse_pathspec

NAMES = st.text(st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="/@"), min_size=1).filter(
    lambda text: text.strip() and not text.startswith("artifact:") and len(text) < 200
)


def test_each_part_has_its_place() -> None:
    """The parts are pipeline, run, step, task and output."""
    path = parse_pathspec("training/12/train/0/model")
    assert path == RunPath(pipeline="training", run="12", step="train", task=0, output="model")


@pytest.mark.parametrize("text", ["training", "training/latest", "training/12/train", "training/12/train/3"])
def test_a_shorter_prefix_names_the_parent(text: str) -> None:
    """Any beginning of a pathspec is a pathspec and is written as it was read."""
    assert str(parse_pathspec(text)) == text


@given(st.lists(NAMES, min_size=1, max_size=3))
def test_reading_is_the_inverse_of_writing(parts: list[str]) -> None:
    """Whatever names it is made of, a pathspec reads back as it was written."""
    text = "/".join(parts)
    assert str(parse_pathspec(text)) == text


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [("artifact:model", "model", None), ("artifact:model@3", "model", "3"), ("artifact:a/b@x@raw", "a/b@x", "raw")],
)
def test_artifacts_are_named_by_series_and_version(text: str, name: str, version: str | None) -> None:
    """The last @ parts name and version, and artifact names may hold slashes."""
    assert parse_pathspec(text) == ArtifactPath(name=name, version=version)


@pytest.mark.parametrize(
    "text", ["", "/", "training//train", "a/b/c/0/e/f", "a/b/c/first", "a/b/c/٣", "artifact:", "artifact:m@", "a\n"]
)
def test_what_is_malformed_is_refused_by_name(text: str) -> None:
    """A malformed pathspec is an error that shows the text or the part that is wrong."""
    with pytest.raises(PathspecInvalid, match="pathspec|task's index"):
        parse_pathspec(text)
