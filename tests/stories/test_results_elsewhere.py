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
RUNNING = """
from parts import Config
from runlore import pipeline, step

@step
def fit(config: Config, rounds: int) -> float:
    return config.lr * rounds

@pipeline
def fitting(config: Config, rounds: int = 2):
    return fit(config, rounds)

fitting(Config(0.5))
fitting(Config(0.25))
"""
LOOKING = """
from runlore.client import Client
from runlore.errors import ValueUnloadable

run = Client().get("fitting/latest")
print(run.config.parameters["rounds"], list(run.parameters), run.parameters, run.output.load())
print(Client().runs("fitting").to_frame()["parameters.config"].tolist())
print(run.steps["fit"].explain())
try:
    run.parameters["config"]
except ValueUnloadable as error:
    print(error)
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
    assert "<td>count</td><td class='runlore-number'>2.0</td>" in shown
    assert "<th>id</th><th>a</th>" in shown and "<td>x</td><td class='runlore-number'>1</td>" in shown


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


def test_runs_whose_parameters_are_not_importable(program: Path) -> None:
    """A run is shown, listed and explained where classes of its parameters are missing; only asking for one fails."""
    (program / "running.py").write_text(RUNNING)
    assert _python(program, "running.py").returncode == 0
    elsewhere = program.parent / "elsewhere"

    read = _python(elsewhere, "-c", LOOKING)

    assert read.returncode == 0, read.stderr
    lines = read.stdout.splitlines()
    assert lines[0] == "2 ['config', 'rounds'] {'config': 'parts.Config(lr=0.25)', 'rounds': 2} 0.5"
    assert lines[1] == "['parts.Config(lr=0.25)', 'parts.Config(lr=0.5)']"
    assert "parameter config" in read.stdout and "0.25" in read.stdout
    assert lines[-1].startswith("parts.Config does not exist in this process. Install the package")


@pytest.mark.parametrize(
    "command", ["run list --json", "run show fitting/1", "run show fitting/1 --json", "step show fitting/1/fit"]
)
def test_commands_for_parameters_that_are_not_importable(program: Path, command: str) -> None:
    """The command line, which knows no project, shows such parameters as text."""
    (program / "running.py").write_text(RUNNING)
    assert _python(program, "running.py").returncode == 0

    shown = _python(program, "-P", "-c", "from runlore.show.cli.main import main; main()", *command.split())

    assert shown.returncode == 0, shown.stderr
    assert "parts.Config(lr=0.5)" in shown.stdout
