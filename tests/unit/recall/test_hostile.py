"""Strange pathspecs and filters through the client: an answer, or an error that says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from runlore.errors import Ambiguous, NotFound, PathspecInvalid, QueryInvalid

from .conftest import Book

FRAGMENTS = [
    *(
        "training",
        "1",
        "2",
        "latest",
        "latest-successful",
        "train",
        "load",
        "0",
        "model",
        "data",
        "artifact:",
        "@",
        "@1",
    ),
    *("", "/", "//", " ", ".", "..", "~", "*", "%", "_", "'", '"', ";", "--", "\\", "\0", "\n", "\x1b[2J", "\ud800"),
    *("' or 1=1 --", "%00", "é", "e\u0301", "💥", "\u202e", "١", "²", "-1", "00", "1.0", "9" * 30, "x" * 300, "f"),
    *("artifact:model@production", "training-1", "artifact:model@latest", "${HOME}", "{0}", "<b>", "None", "True"),
]


def hostile(count: int) -> Iterator[str]:
    """The same strange pathspecs every time; half of them are made of parts."""
    random = Random(22)
    for number in range(count):
        pieces = random.choices(FRAGMENTS, k=random.randrange(1, 7))
        if number % 3 == 2:
            pieces = ["training", random.choice(["1", "latest", pieces[0]]), *pieces[1:5]]
        yield ("/" if number % 3 else "").join(pieces)


def test_strange_pathspecs_are_answered_or_refused(book: Book) -> None:
    """A thousand strange pathspecs name something, or are refused by an error of the right kind with a message."""
    for _ in range(3):
        book.run()
    answers = 0
    for text in hostile(1_000):
        try:
            found = book.client.get(text)
        except (PathspecInvalid, NotFound, Ambiguous) as error:
            assert str(error).strip() and len(str(error)) < 3_000, text
        else:
            answers += 1
            assert book.client.get(found.pathspec) == found

    assert answers > 50
    assert len(book.client.runs()) == 3


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"where": "metrics.loss < 0.3 order by 1"}, "cannot stand here"),
        ({"where": "1=1; drop table run"}, "Runs cannot be filtered by '1'"),
        ({"where": b"status"}, "where takes a text"),
        ({"where": 5}, "where takes a text"),
        ({"nonsense": 1}, "Runs cannot be filtered by 'nonsense'"),
        ({"metrics": 5}, "takes a dict"),
        ({"created": "-7d"}, "Filter created: -7d is a moment, which nothing equals; what came since is >-7d"),
        ({"where": "ended != -2h"}, "-2h is a moment"),
        ({"limit": 3}, r"Runs cannot be filtered by 'limit'. The first 3 of a list are list\[:3\]"),
        ({"sort_by": "desc:metrics"}, "a name is missing"),
        ({"sort_by": "desc:tags"}, "^Runs cannot be sorted by 'tags', of which each may have several values.$"),
        ({"sort_by": "statsu"}, r"Did you mean 'status'\?$"),
        ({"status": [["failed"]]}, "is not a status"),
        ({"duration": ">5 parsecs"}, "90s, 5m"),
    ],
)
def test_errors_of_lists_say_what_is_valid(book: Book, filters: dict[str, Any], said: str) -> None:
    """The client raises `QueryInvalid` when a list is asked for, and not when it is walked."""
    with pytest.raises(QueryInvalid, match=said):
        book.client.list_pipeline_runs(**filters)


def test_every_noun_is_searched_and_sorted_by_text(book: Book) -> None:
    """Pipelines, artifacts and versions take the same grammar as runs."""
    book.run()
    book.run("other")
    book.save("report", "text", version="final")
    client = book.client

    assert [p.name for p in client.list_pipelines(where="name != other")] == ["training"]
    assert [p.name for p in client.list_pipelines(where="created > 2000-01-01", sort_by="desc:name")] == [
        "training",
        "other",
    ]
    assert [a.name for a in client.list_artifacts(where="name startswith rep or name = 'data'")] == ["data", "report"]
    found = client.list_artifact_versions(where="save_type = manual and size < 1kB and version = final")
    assert [version.artifact.name for version in found] == ["report"]
    assert len(client.runs("training", where="pipeline = other or number = 1")) == 1


def test_a_listing_in_an_order_is_a_sequence(book: Book) -> None:
    """Sorted by parameters, a listing answers positions, slices, lengths and walks backwards alike, in small steps."""
    for lr in (0.5, 3, "big", 0.1):
        book.run(parameters={"lr": lr})
    book.run(parameters={"other": 1})
    listing = book.client.list_pipeline_runs(sort_by="desc:parameters.lr")

    numbers = [run.number for run in listing]

    assert numbers == [3, 2, 1, 4, 5]
    assert [run.number for run in reversed(listing)] == numbers[::-1]
    assert [listing[n].number for n in (-1, 0, 2, -5)] == [5, 3, 1, 3]
    assert [run.number for run in listing[1:3]] == [2, 1] and len(listing) == 5
    assert book.client.get("training/4") in listing
