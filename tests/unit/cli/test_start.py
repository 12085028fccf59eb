"""What a look-up from the command line imports: counted, since time depends on who else uses the machine."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.show.cli.start import LightInspect

#: Standard modules that take a millisecond or more to import, and that printing a list needs none of.
DEAR = {
    "ast",
    "asyncio",
    "decimal",
    "difflib",
    "dis",
    "inspect",
    "logging",
    "random",
    "shutil",
    "subprocess",
    "tempfile",
    "tokenize",
    "tomllib",
}
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
        f"import sys\nsys.argv[1:] = {words.split()!r}\nfrom runlore.show.cli.start import start\n"
        "try:\n    start()\n"
        "except SystemExit as end:\n    assert not end.code\nprint()\nprint(*sys.modules)"
    )
    return _python(("-c", code), {"RUNLORE_HOME": str(home)}).splitlines()[-1].split()


@pytest.mark.parametrize(
    ("words", "own", "every"),
    [
        ("--help", 13, 120),
        ("run --help", 13, 120),
        ("run list", 81, 192),
        ("pipeline list", 87, 195),
        ("artifact list", 85, 192),
        ("artifact version list", 80, 188),
        ("run show making/1", 86, 198),
        ("step show making/1/make", 87, 199),
        ("step logs making/1/make", 87, 198),
        ("artifact show making::make::output", 85, 198),  # the table of types says whether it is a pickle
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


def test_little_is_looked_through_for_garbage(home: Path) -> None:
    """Collecting is on again when a listing prints, and off for good when it ends."""
    code = (
        "import gc, sys\nsys.argv[1:] = ['run', 'list']\n"
        "from runlore.show.cli import table\nprint_rows, seen = table.print_rows, []\n"
        "table.print_rows = lambda *given, **more: (seen.append(gc.isenabled()), print_rows(*given, **more))\n"
        "from runlore.show.cli.start import start\n"
        "try:\n    start()\nexcept SystemExit:\n    pass\n"
        "print(seen, gc.get_freeze_count() > 0)"
    )

    assert _python(("-c", code), {"RUNLORE_HOME": str(home)}).splitlines()[-1] == "[True] True"


def test_what_ran_code_of_the_users_is_finalised_as_always(home: Path, tmp_path: Path) -> None:
    """A process that ran a pipeline leaves its objects to the last collections."""
    (tmp_path / "flow.py").write_text(FLOW, encoding="utf-8")
    code = (
        f"import gc, sys\nsys.argv[1:] = ['pipeline', 'run', {str(tmp_path / 'flow.py')!r}]\n"
        "from runlore.show.cli.start import start\n"
        "try:\n    start()\nexcept SystemExit:\n    pass\nprint(gc.get_freeze_count())"
    )

    assert _python(("-c", code), {"RUNLORE_HOME": str(tmp_path / "home")}).splitlines()[-1] == "0"


@given(st.lists(st.sampled_from(["", " ", "\t", "a", "  b", "\tc ", "    d"])).map("\n".join))
def test_help_loses_its_indentation_as_ever(text: str) -> None:
    """What click gets in place of `inspect.cleandoc` gives the same, whatever the text."""
    assert LightInspect("inspect").cleandoc(text) == inspect.cleandoc(text)


def test_the_rest_of_inspect_is_there_for_click() -> None:
    """Whatever else is asked of the stand-in comes from `inspect` itself."""
    assert LightInspect("inspect").signature is inspect.signature
