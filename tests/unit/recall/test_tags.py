"""Tags: all or nothing, those of runlore protected, and of no effect on order or times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runlore.errors import NameInvalid, NotFound, TagProtected

#: The `Book` of this folder's conftest, which cannot be imported by name.
Book = Any


@pytest.fixture
def run(book: Book) -> Any:
    """A run with tags of people and of runlore."""
    return book.client.run_of(book.run(tags=("nightly",), system_tags=("user:ann", "python:3.11")))


def test_three_sets(run: Any) -> None:
    """`tags` are those given to the thing itself; `user_tags`, `system_tags` and `all_tags` show the run's as well."""
    step, version = run["train"], run["train"].output
    step.add_tag("slow")
    version.add_tags("good", "nightly")
    run.pipeline.add_tag("team")

    assert (run.tags, step.tags, version.tags, run.pipeline.tags) == (
        ("nightly",), ("slow",), ("good", "nightly"), ("team",),
    )  # fmt: skip
    assert step.user_tags == step.task.user_tags == {"nightly", "slow"}
    assert version.user_tags == {"nightly", "good"}
    for handle in (run, step, step.task, version):
        assert handle.system_tags == {"user:ann", "python:3.11"}, handle
        assert handle.all_tags == handle.user_tags | handle.system_tags
        assert isinstance(handle.all_tags, frozenset)
    assert run.pipeline.all_tags == {"team"} and version.artifact.all_tags == frozenset()


def test_one_or_many(run: Any) -> None:
    """Several tags are given one by one, as any kind of iterable, or both; a text is always one tag."""
    run.add_tags("a", ["b", "c"], {"d"}, (tag for tag in "ef"), dict.fromkeys("g"))
    run.add_tags("whole")
    assert run.tags == ("a", "b", "c", "d", "e", "f", "g", "nightly", "whole")
    run.remove_tags("whole", iter(["a", "b"]))
    run.remove_tags(["c", "d", "never there"])
    run.remove_tag("e")
    assert run.tags == ("f", "g", "nightly")
    run.replace_tags(["f", "g"], (tag for tag in ["x", "y"]))
    run.replace_tag("x", "z")
    run.replace_tags("y", "w")
    assert run.tags == ("nightly", "w", "z")
    run.add_tags([])
    run.add_tags()
    run.replace_tags((), ())
    assert run.tags == ("nightly", "w", "z")


def test_remove_then_add(run: Any) -> None:
    """A tag that is both removed and added ends up present; adding twice is adding once."""
    run.replace_tags(["nightly", "absent"], ["nightly"])
    run.add_tags("nightly", "nightly")

    assert run.tags == ("nightly",)


def test_tags_of_runlore_are_protected(run: Any) -> None:
    """Removing a system tag is an error without any effect; adding one is passed over."""
    for change in (
        lambda: run.remove_tag("user:ann"),
        lambda: run.remove_tags("nightly", "user:ann"),
        lambda: run.replace_tags(["nightly", "python:3.11"], ["new"]),
    ):
        with pytest.raises(TagProtected, match="was given by runlore and cannot be removed. Nothing was changed"):
            change()
        assert run.tags == ("nightly",)
    run.add_tags("user:ann", "other")
    run.replace_tag("nightly", "python:3.11")

    assert run.tags == ("other",) and run.system_tags == {"user:ann", "python:3.11"}


@pytest.mark.parametrize(
    ("tag", "says"),
    [
        ("", "may not be empty"),
        (" \t", "may not be empty"),
        (b"bytes", "is a str; b'bytes' is a bytes"),
        (5, "is a str; 5 is an int"),
        (None, "is a str; None is a NoneType"),
        ("x" * 501, "at most 500 characters; .* has 501"),
        ("a\nb", "control characters"),
        ("\ud800", "control characters"),
        (["nested"], "is a str"),
    ],
)
def test_what_is_no_tag_changes_nothing(run: Any, tag: Any, says: str) -> None:
    """One invalid tag among several, to be added or removed, and none of them takes effect."""
    changes: list[Callable[[], None]] = [
        lambda: run.add_tags(["fine", tag]),
        lambda: run.remove_tags(["nightly", tag]),
        lambda: run.replace_tags(["nightly"], ["fine", tag]),
        lambda: run.replace_tags(["nightly", tag], ["fine"]),
        lambda: run.add_tag(tag),
        lambda: run.replace_tag(tag, "fine"),
    ]
    for change in changes:
        with pytest.raises(NameInvalid, match=says):
            change()
        assert run.tags == ("nightly",)


def test_any_text_of_up_to_500_characters_is_a_tag(run: Any) -> None:
    """Blanks, slashes, colons and letters of any script are kept, in one spelling."""
    odd = ["a b", "/x/", "k:v=1,2", "ünïcödé", "日本", "x" * 500, "%_'\";--", "cafe\u0301"]
    run.add_tags(odd)

    assert set(run.tags) == {*odd[:-1], "café", "nightly"}
    for tag in run.tags:
        assert list(run.parent.get_runs(tags=[f"equals:{tag}"])) == [run], tag


def test_tagging_changes_neither_order_nor_times(book: Book) -> None:
    """Old runs that are tagged stay where they were, with the times that they had."""
    for _ in range(5):
        book.run()
    client = book.client
    before = list(_facts(client))
    client["training/1"].add_tags("old")
    client["training/3"].replace_tags("old", "middle")
    client["training/1/train"].output.add_tag("first")
    client["training"].add_tag("team")

    assert list(_facts(client)) == before
    assert client["training"].last_run.number == 5 and client["artifact:model"].latest.version == "5"
    assert [run.number for run in client.runs(tags=["old"])] == [1]


def _facts(client: Any) -> Any:
    for run in client.runs("training"):
        version = run["train"].output
        yield run, run.created, run.ended, run.duration, version.version, version.created


def test_tagging_what_was_deleted_is_an_error(run: Any, book: Book) -> None:
    """Nothing is written for a run, step or version that is gone."""
    step = run["train"]
    run.delete()

    for handle in (run, step):
        with pytest.raises(NotFound, match="There is no run"):
            handle.add_tag("late")
    assert [finding for finding in book.workspace.record.check() if not finding.harmless] == []


def test_artifacts_and_versions_are_found_by_their_tags(book: Book) -> None:
    """Each kind of thing is listed by its own tags."""
    book.run()
    client = book.client
    client["artifact:model"].add_tag("series")
    client["artifact:model@1"].add_tag("one")

    assert [artifact.name for artifact in client.list_artifacts(tag="series")] == ["model"]
    assert [version.version for version in client.list_artifact_versions(tag="one")] == ["1"]
    assert not client.list_artifact_versions(tag="series") and not client.list_artifacts(tag="one")
