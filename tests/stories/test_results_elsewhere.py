"""What one program saved comes back in another one: from another folder, `python -c` and standard input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAVING = """
import dataclasses
import numpy, pandas
from parts import Config, Model
from runlore import save_artifact

save_artifact(pandas.DataFrame({"a": [1, 2]}, index=pandas.Index(["x", "y"], name="id")), "frame")
save_artifact([{"weights": numpy.arange(3)}], "nested")
save_artifact(Config(0.1), "config")
save_artifact(Model(), "model")
"""
PARTS = """
import dataclasses

@dataclasses.dataclass
class Config:
    lr: float

class Model:
    pass
"""
READING = """
from runlore.client import Client

frame = Client().get_artifact_version("frame")
print(frame.type, frame.metadata["shape"], frame.metadata["dtype"], frame.metadata["max"])
print(frame.load().to_dict(), frame.load().index.name)
print(Client().get_artifact_version("nested").load()[0]["weights"].tolist())
"""
READ = ["pandas.DataFrame [2, 1] {'a': 'int64'} {'a': 2}", "{'a': {'x': 1, 'y': 2}} id", "[0, 1, 2]"]


@pytest.fixture
def program(home: Path, tmp_path: Path) -> Path:
    """A folder with a module of its own and a script that uses it."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "parts.py").write_text(PARTS)
    (folder / "saving.py").write_text(SAVING)
    return folder


def _python(folder: Path, *arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=dict(os.environ), input=code, capture_output=True, text=True
    )


@pytest.mark.parametrize("how", ["script", "-c", "stdin"])
def test_saving_from_anywhere_keeps_type_and_metadata(program: Path, how: str) -> None:
    """A script, `python -c` and a program from standard input save the same, and it loads from another folder."""
    if how == "script":
        saved = _python(program, "saving.py")
    elif how == "-c":
        saved = _python(program, "-c", SAVING)
    else:
        saved = _python(program, "-", code=SAVING)
    assert saved.returncode == 0, saved.stderr

    elsewhere = program.parent / "elsewhere"
    for read in (_python(elsewhere, "-c", READING), _python(elsewhere, "-", code=READING)):
        assert read.returncode == 0, read.stderr
        assert read.stdout.splitlines() == READ


def test_pictures_of_what_a_script_saved(program: Path) -> None:
    """A frame saved by a plain script is drawn elsewhere as a summary and a sample."""
    assert _python(program, "saving.py").returncode == 0
    drawn = _python(
        program.parent / "elsewhere",
        "-c",
        "from runlore.client import Client\nprint(Client().get_artifact_version('frame').visualize())",
    )

    assert drawn.returncode == 0, drawn.stderr
    shown = Path(drawn.stdout.strip()).read_text(encoding="utf-8")
    assert "count,2.0" in shown and "id,a\nx,1\ny,2" in shown


@pytest.mark.parametrize(("name", "missing"), [("config", "parts.Config"), ("model", "'parts'")])
def test_a_class_that_is_not_importable_is_named(program: Path, name: str, missing: str) -> None:
    """Where the module of a saved value cannot be imported, the error names it and says what to do."""
    assert _python(program, "saving.py").returncode == 0
    code = f"from runlore.client import Client\nprint(Client().get_artifact_version('{name}').load())"
    failed = _python(program.parent / "elsewhere", "-c", code)
    message = failed.stderr.strip().splitlines()[-1]

    assert failed.returncode == 1
    assert "ValueUnloadable" in message and missing in message and f"artifact:{name}" in message
    assert "put its folder on sys.path" in message
    assert _python(program, "-c", code).returncode == 0
