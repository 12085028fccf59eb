"""Lists that are walked while other processes add, tag and delete runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runlore.model.noun import changed
from runlore.model.query import Condition, Operator, Query
from runlore.record.port import Record
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.testing.record_stories import at, done, new_version

#: Adds runs that look like those that stay, tags and untags all, and deletes its own again, until its input is closed.
BUSY = """
import sys, threading
from itertools import count
from pathlib import Path
from random import Random
from runlore.model.change import MetadataSet, TagsChanged
from runlore.model.metadata import Owner, OwnerKind
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.testing.record_stories import at, done, new_version

record, random = SQLiteRecord(Path(sys.argv[1]), durability="relaxed"), Random(int(sys.argv[2]))
closed = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), closed.set()), daemon=True).start()
print("ready", flush=True)
own = []
for number in count():
    value = random.randrange(100)
    facts = (("lr", value), ("kept", False))
    own.append(done(record, new_version("model", b"%d" % value), tags=("all",), facts=facts, created=at(value)).seq)
    run = random.choice([*range(1, int(sys.argv[3]) + 1), *own])
    owner = Owner(kind=OwnerKind.RUN, seq=run)
    record.commit([TagsChanged(owner=owner, **{random.choice(["add", "remove"]): ("sometimes",)})])
    if run in own:
        record.commit([MetadataSet(owner=owner, values=(("m", "1"),), at=at(value), facts=(("m", -value),))])
    if len(own) > 20 and random.random() < 0.7:
        record.delete_run(own.pop(random.randrange(len(own))))
    if closed.is_set():
        break
print(number, flush=True)
"""


def filled(file: Path, runs: int) -> SQLiteRecord:
    """A record whose runs, with sequences from 1 on, stay as they are."""
    record = SQLiteRecord(file, durability="relaxed")
    with record.batch():
        for number in range(runs):
            facts = (("lr", number % 100), ("kept", True))
            done(record, new_version("model"), tags=("all",), facts=facts, created=at(number % 60))
    return record


QUESTIONS: dict[str, tuple[Query, Callable[[int], bool]]] = {
    "all": (Query(noun="run"), lambda number: True),
    "oldest first": (Query(noun="run", descending=False), lambda number: True),
    "with a tag": (Query(noun="run", conditions=(Condition("tag", Operator.EQ, "all"),)), lambda number: True),
    "with a parameter": (
        Query(noun="run", conditions=(Condition("parameter:lr", Operator.GE, 50),)),
        lambda number: number % 100 >= 50,
    ),
    "by a parameter": (Query(noun="run", order="parameter:lr"), lambda number: True),
    "by time": (Query(noun="run", order="created", descending=False), lambda number: True),
    "since a time": (
        Query(noun="run", conditions=(Condition("created", Operator.GE, at(30)),)),
        lambda number: number % 60 >= 30,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("processes", [3])
def test_what_was_there_all_the_time_is_listed_once(tmp_path: Path, processes: int) -> None:
    """Whatever others add, tag and delete, a walk in pages skips and repeats nothing that was there throughout."""
    runs = 600
    record = filled(tmp_path / "record.db", runs)
    command = [sys.executable, "-c", BUSY, str(tmp_path / "record.db")]
    others = [
        subprocess.Popen(
            [*command, str(each), str(runs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {"RUNLORE_PROGRESS": "quiet"}, text=True,
        )
        for each in range(processes)
    ]  # fmt: skip
    try:
        for other in others:
            assert other.stdout is not None and other.stdout.readline() == "ready\n"
        before = record.events()[-1].seq
        walks = 0
        while walks < 3 or record.events(after=before + 500, limit=1) == ():  # until much has happened meanwhile
            for name, (query, kept) in QUESTIONS.items():
                seen = walk(record, changed(query, limit=7))

                assert len(seen) == len(set(seen)), name
                expected = {number + 1 for number in range(runs) if kept(number)}
                assert {seq for seq in seen if seq <= runs} == expected, name
            walks += 1
    finally:
        told = [other.communicate() for other in others]
    assert [other.returncode for other in others] == [0] * processes, told
    assert all(int(number) > 10 for number, _ in told)
    assert [finding for finding in record.check() if not finding.harmless] == []
    record.close()


def walk(record: Record, query: Query) -> list[int]:
    """The sequences of all pages, one after the other."""
    found: list[int] = []
    while True:
        page = record.select(query)
        found += [run.seq for run in page.items]
        if page.cursor is None:
            return found
        query = changed(query, after=page.cursor)
