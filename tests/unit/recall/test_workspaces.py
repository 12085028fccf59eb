"""Another record for a block, for a client, or for the whole process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path

import pytest

import runlore
from runlore import Client, get_workspace, load_artifact, pipeline, save_artifact, set_workspace, step, use_workspace
from runlore.errors import ConfigurationError


@step
def double(number: int) -> int:
    return 2 * number


@pipeline
def doubling(number: int = 1) -> None:
    double(number)


@pytest.fixture(autouse=True)
def _reset() -> Iterator[None]:
    yield
    set_workspace(None)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A folder whose ``.runlore`` holds a record of one run."""
    with use_workspace(tmp_path / "other" / ".runlore", create=True):
        doubling(7)
    return tmp_path / "other"


def test_a_block_works_in_another_record(home: Path, other: Path) -> None:
    """In the block, runs, artifacts and look-ups are those of the other record; afterwards all is as it was."""
    mine = doubling(1)
    with use_workspace(other) as workspace:
        theirs = doubling(8)
        save_artifact("there", "note")
        assert get_workspace() is workspace and Client().workspace is workspace
        assert [run.parameters["number"] for run in Client().runs()] == [8, 7]

    assert list(Client().runs()) == [mine] and mine.number == 1 and theirs.number == 2
    assert theirs.steps["double"].output.load() == 16  # a handle stays with its record
    with pytest.raises(KeyError):
        load_artifact("note")


def test_blocks_are_nested_and_restored_whatever_happens(home: Path, other: Path) -> None:
    """A block within a block gives back the outer one, also after an exception; the same object may be used again."""
    before = get_workspace()
    block = use_workspace(other)
    with block as outer:
        with pytest.raises(ZeroDivisionError), use_workspace(before):
            assert get_workspace() is before
            with block:
                assert get_workspace() is outer
            assert get_workspace() is before
            raise ZeroDivisionError
        assert get_workspace() is outer
    assert get_workspace() is before


def test_a_block_is_that_of_its_thread_alone(home: Path, other: Path) -> None:
    """What one thread uses is no concern of another, unless it runs in the same context."""
    before, seen = get_workspace(), []
    with use_workspace(other) as there:
        for target in (get_workspace, lambda: context.run(get_workspace)):
            context = copy_context()
            thread = threading.Thread(target=lambda target=target: seen.append(target()))
            thread.start()
            thread.join()

    assert seen == [before, there]


@pytest.mark.parametrize("choose", [use_workspace, set_workspace, Client])
def test_a_place_without_a_record_changes_nothing(choose: object, home: Path, other: Path, tmp_path: Path) -> None:
    """A wrong place is an error that says what is there and what to do, and what was in force stays so."""
    assert callable(choose)
    file, empty = tmp_path / "file", tmp_path / "empty"
    file.write_text("x")
    empty.mkdir()
    chosen = set_workspace(other)

    for place, said in (
        (tmp_path / "absent", "is no folder"), (file, "is no folder"), (empty, "neither record.db nor .runlore/"),
        ("https://runs.example", "is a URL"), ("", "not ''"), (3, "not 3"),
    ):  # fmt: skip
        with pytest.raises(ConfigurationError, match=said):
            choose(place)
        assert get_workspace() is chosen
    assert not (tmp_path / "absent").exists() and list(empty.iterdir()) == []


def test_a_client_of_a_path(home: Path, other: Path) -> None:
    """``Client(path)`` reads the record there, by the project's folder or the record's own, and opens it once."""
    by_project, by_record = Client(other), Client(str(other / ".runlore"))

    assert [run.parameters["number"] for run in by_project.runs()] == [7]
    assert by_project.workspace is by_record.workspace and Client(by_record.workspace).workspace is by_record.workspace
    assert list(Client().runs()) == []


def test_the_whole_process_can_be_switched_and_switched_back(home: Path, other: Path) -> None:
    """`set_workspace` holds for every thread until it is reset; a block wins over it."""
    before = get_workspace()
    there = set_workspace(other)

    seen = []
    thread = threading.Thread(target=lambda: seen.append(get_workspace()))
    thread.start()
    thread.join()
    assert seen == [there] and get_workspace() is there and doubling(9).number == 2
    with use_workspace(before):
        assert get_workspace() is before
    assert set_workspace(None) is before and get_workspace() is before


def test_a_workspace_says_where_it_is(home: Path, other: Path) -> None:
    """The description names the folder of the record and why it is that one."""
    assert get_workspace().description == f"{home} (RUNLORE_HOME)"
    with use_workspace(other) as there:
        assert there.description == f"{other / '.runlore'} (given)" and str(other) in repr(there)
    assert runlore.get_workspace is get_workspace
