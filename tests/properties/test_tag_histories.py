"""Any history of tagging gives the tags that sets would, whatever refuses, on each record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runlore.errors import NameInvalid, TagProtected
from runlore.model.change import NewRun
from runlore.recall.client import Client
from runlore.record.memory import MemoryRecord
from runlore.record.port import Record
from runlore.settings import Settings
from runlore.testing.record_stories import at
from runlore.workspace import Workspace

GIVEN = ("user:ann", "date:2026-11-01")
#: Tags of people, tags of runlore, and what is no tag.
TAG = st.sampled_from(["a", "b", "c", "é", *GIVEN, "", " ", "x" * 501])
TAGS = st.lists(TAG, max_size=4)
CHANGE = st.tuples(st.integers(0, 2), TAGS, TAGS)


class Place:
    """A workspace of which only the record is there."""

    def __init__(self, record: Record, settings: Settings) -> None:
        self.record = record
        self.settings = settings
        self.vault: Any = None


@pytest.fixture(params=["memory", "sqlite"], scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A record of each kind, with nothing in it."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), durability="relaxed", progress="quiet")
    if request.param == "memory":
        yield Place(MemoryRecord(), settings)
        return
    workspace = Workspace.open(settings)
    yield workspace
    workspace.close()


def begun(place: Any, number: int) -> int:
    """A new run that runlore gave two tags."""
    new = NewRun(
        id=UUID(int=number), pipeline="p", fingerprint=b"f" * 32, definition="{}", name=f"p-{number}", name_given=True,
        created=at(1), system_tags=GIVEN, tags=("a",),
    )  # fmt: skip
    return place.record.begin_run(new)[0].seq


def all_of_people(tags: list[str]) -> bool:
    """Whether none of the tags is one that runlore gave."""
    return not {*tags} & {*GIVEN}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(history=st.lists(CHANGE, max_size=6))
def test_tags_are_those_of_sets(place: Any, history: list[tuple[int, list[str], list[str]]]) -> None:
    """After every change, valid or refused, each run has the tags that its set has, and is found by exactly these."""
    client = Client(place)
    first = len(client.runs()) + 1
    runs = [client.run_of(place.record.run(begun(place, first + each))) for each in range(3)]
    expected: list[set[str]] = [{"a"} for _ in runs]
    for which, remove, add in history:
        refused = any(not tag.strip() or len(tag) > 500 for tag in (*remove, *add)) or not all_of_people(remove)
        with suppress(NameInvalid, TagProtected):
            runs[which].replace_tags(iter(remove), iter(add))
            assert not refused
        if not refused:
            expected[which] = (expected[which] - {*remove}) | ({*add} - {*GIVEN})
        for run, tags in zip(runs, expected, strict=True):
            assert set(run.tags) == run.user_tags == tags and run.system_tags == {*GIVEN}
    ours = {run.seq for run in runs}
    for tag in ("a", "b", "c", "é", *GIVEN):
        found = {run.seq for run in client.runs(tags=[f"equals:{tag}"])} & ours
        assert found == {run.seq for run, tags in zip(runs, expected, strict=True) if tag in tags or tag in GIVEN}
        seen = {run.seq for run in client.in_namespace(tag).runs()} & ours
        assert seen == found
