"""What a look-up from the command line imports: counted, since time depends on who else uses the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Standard modules that take a millisecond or more to import, and that printing a list needs none of.
DEAR = {"asyncio", "decimal", "difflib", "logging", "random", "shutil", "subprocess", "tempfile", "tomllib"}
HEAVY = {"cloudpickle", "loky", "numpy", "pandas", "pyarrow", "pydantic", "rich", "sklearn", "yaml"}
#: What runs, plans, stores or writes.
WRITING = ("runlore.execute", "runlore.model.change", "runlore.record.sql.write", "runlore.record.vault")

FLOW = """
from runlore import pipeline, step

@step
def make(n: int = 2) -> int:
    return n

@pipeline
def making():
    return make()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record with one run."""
    folder = tmp_path_factory.mktemp("start")
    (folder / "flow.py").write_text(FLOW + "\nmaking()\n", encoding="utf-8")
    environment = {"RUNLORE_HOME": str(folder / "home"), "RUNLORE_PROGRESS": "quiet"}
    _python((str(folder / "flow.py"),), environment)
    return folder / "home"


def _python(arguments: tuple[str, ...], more: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env={**os.environ, **more}, capture_output=True, text=True, check=True
    )
    return done.stdout


def modules_after(words: str, home: Path) -> list[str]:
    """Modules that a fresh process holds after this command."""
    code = (
        "import sys\nfrom runlore.show.cli.main import main\n"
        f"try:\n    main({words.split()!r})\n"
        "except SystemExit as end:\n    assert not end.code\nprint()\nprint(*sys.modules)"
    )
    return _python(("-c", code), {"RUNLORE_HOME": str(home)}).splitlines()[-1].split()


@pytest.mark.parametrize(
    ("words", "own", "every"),
    [
        ("--help", 12, 130),
        ("run --help", 12, 130),
        ("run list", 67, 190),
        ("pipeline list", 67, 190),
        ("artifact list", 67, 190),
        ("artifact version list", 67, 190),
        ("run show making/1", 70, 200),
        ("step show making/1/make", 70, 200),
        ("step logs making/1/make", 70, 200),
        ("artifact show making::make::output", 71, 200),  # the table of types says whether it is a pickle
    ],
)
def test_a_look_up_imports_little(words: str, own: int, every: int, home: Path) -> None:
    """A command that shows what is recorded imports few modules, none that writes and no data library."""
    loaded = modules_after(words, home)
    ours = [name for name in loaded if name.partition(".")[0] == "runlore"]

    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
    assert [name for name in ours if name.startswith(WRITING)] == []
    assert len(ours) <= own
    assert len(loaded) <= every


@pytest.mark.parametrize("words", ["run list", "pipeline list", "artifact list", "artifact version list"])
def test_a_list_imports_nothing_dear(words: str, home: Path) -> None:
    """Listings get by without the standard modules that take long to import, and without decoding values."""
    loaded = modules_after(words, home)

    assert set(loaded) & DEAR == set()
    assert [name for name in loaded if name.startswith("runlore.values")] == []


def test_the_command_line_is_a_module_as_well(home: Path) -> None:
    """`python -m runlore` is the same as `runlore`."""
    environment = {**os.environ, "RUNLORE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "runlore", "run", "list"], env=environment, capture_output=True, text=True, check=True
    )

    assert "making/1" in done.stdout
    told = subprocess.run([sys.executable, "-m", "runlore", "--help"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("Usage: runlore ")
