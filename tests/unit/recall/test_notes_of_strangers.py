"""Notes of a record that a stranger wrote: looking at them runs nothing of his."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from runlore import Client, save_artifact

NOTE = '{"~":"class","t":"module_of_a_stranger.Thing"}'


def test_looking_at_notes_imports_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A note that names a class is told as that name; the module is not imported."""
    monkeypatch.setenv("RUNLORE_HOME", str(tmp_path / "home"))
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "module_of_a_stranger.py").write_text("class Thing: ...\nprint('run')\n")
    save_artifact(1, "number", metadata={"note": "mine"})
    with sqlite3.connect(tmp_path / "home" / "record.db") as record:
        record.execute("update version set meta = ?", (f'{{"made":{NOTE}}}',))
        record.execute("update entry set value = ?", (NOTE,))

    version = Client().get_artifact_version("number")

    assert version.metadata["made"] == version.metadata["note"] == "module_of_a_stranger.Thing"
    assert "module_of_a_stranger" not in sys.modules
    assert capsys.readouterr().out == ""
