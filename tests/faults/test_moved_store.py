"""Stores that somebody moves, deletes or replaces while they are in use."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runlore import pipeline, step
from runlore.author.current import use_workspace
from runlore.errors import StoreError
from runlore.settings import Settings
from runlore.workspace import Workspace, default_workspace


@step
def calls(action: str) -> None:
    ACTIONS[action](HOMES[-1])


@pipeline
def disturbed(action: str) -> None:
    calls(action)


def delete(home: Path) -> None:
    shutil.rmtree(home)


def move(home: Path) -> None:
    home.rename(home.with_name("elsewhere"))


def replace(home: Path) -> None:
    shutil.copy(home / "record.db", home / "copy.db")
    (home / "copy.db").replace(home / "record.db")


ACTIONS: dict[str, Callable[[Path], None]] = {"delete": delete, "move": move, "replace": replace}
HOMES: list[Path] = []


@pytest.mark.parametrize("action", list(ACTIONS))
def test_no_run_completes_in_a_file_that_nobody_will_find(tmp_path: Path, action: str) -> None:
    """When the record's file is not in its place any more, a run raises instead of writing to what is left of it."""
    home = tmp_path / "home"
    HOMES.append(home)
    workspace = Workspace.open(Settings(home=home, user_folder=tmp_path / "user", progress="quiet"))
    try:
        with use_workspace(workspace), pytest.raises(StoreError, match="moved, deleted or replaced"):
            disturbed(action=action)
    finally:
        HOMES.pop()
        workspace.close()


def test_the_default_workspace_starts_anew_when_its_file_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process whose record was deleted between two runs makes a new one, as the next process would."""
    home = tmp_path / "home"
    monkeypatch.setenv("RUNLORE_HOME", str(home))
    before = default_workspace()
    assert default_workspace() is before
    shutil.rmtree(home)

    after = default_workspace()

    assert after is not before
    assert (home / "record.db").exists()
    before.close()
    after.close()
