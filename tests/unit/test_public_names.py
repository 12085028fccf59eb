"""The package's public names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import runlore

PUBLIC = [
    "ArtifactConfig",
    "CSVString",
    "Client",
    "ExternalArtifact",
    "File",
    "HTMLString",
    "JSONString",
    "MarkdownString",
    "Secret",
    "Status",
    "TriggerEvent",
    "__version__",
    "get_step_context",
    "get_workspace",
    "load_artifact",
    "log_artifact_metadata",
    "log_metadata",
    "log_metric",
    "log_metrics",
    "mapped",
    "pipeline",
    "register_artifact",
    "save_artifact",
    "set_workspace",
    "step",
    "unmapped",
    "use_workspace",
]

#: Costly or replaceable; none is needed before a run begins or a value of its kind is met.
HEAVY = ["asyncio", "click", "cloudpickle", "loky", "numpy", "pandas", "pyarrow", "pydantic", "rich", "sqlite3", "yaml"]


def modules_after(code: str) -> set[str]:
    """Modules that a fresh process holds after ``code``."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh process holds after ``code``."""
    return {name.split(".")[0] for name in modules_after(code)}


def test_public_names_are_listed() -> None:
    """A public name is added or removed on purpose: here, and nowhere by accident."""
    assert runlore.__all__ == PUBLIC
    assert sorted(PUBLIC) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_found(name: str) -> None:
    """Every listed name can be had, and says what it means."""
    value = getattr(runlore, name)

    assert value is getattr(runlore, name)
    assert isinstance(value, str) or value.__doc__
    assert name in dir(runlore)


def test_unknown_name_says_what_there_is() -> None:
    """A misspelt name is an AttributeError that lists the public ones."""
    with pytest.raises(
        AttributeError, match=r"'stepp'.*pipeline, register_artifact, save_artifact, set_workspace, step"
    ):
        runlore.stepp  # noqa: B018


def test_version_is_that_of_the_distribution() -> None:
    """The version in the code is the one that was installed."""
    from importlib.metadata import version

    assert runlore.__version__ == version("runlore")


@pytest.mark.parametrize("code", ["import runlore", "from runlore import step, pipeline"])
def test_importing_is_light(code: str) -> None:
    """Importing the package, and what declares a pipeline, loads nothing heavy."""
    assert loaded_by(code).isdisjoint(HEAVY)


#: What takes part in running, planning and storing values, and what writes: looking something up needs none of it.
UNNEEDED_FOR_READING = [
    "runlore.execute",
    "runlore.model.change",
    "runlore.plan",
    "runlore.recall.html",
    "runlore.recall.report",
    "runlore.record.blobs",
    "runlore.record.sql.check",
    "runlore.record.sql.write",
    "runlore.record.vault",
    "runlore.values.registry",
]


def test_client_is_light() -> None:
    """Importing the client loads neither data libraries nor the command line's."""
    assert loaded_by("from runlore.client import Client").isdisjoint({*HEAVY} - {"sqlite3"})


@pytest.mark.parametrize(
    ("code", "allowed", "most"),
    [
        ("from runlore.client import Client", set(), 46),
        ("from runlore.client import Client; list(Client().runs())", {"sqlite3"}, 71),
    ],
)
def test_looking_up_imports_only_what_it_needs(
    code: str, allowed: set[str], most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a record loads no data library and nothing that runs, plans, stores or writes."""
    monkeypatch.setenv("RUNLORE_HOME", str(tmp_path))
    loaded = modules_after(code)
    own = [name for name in loaded if name.split(".")[0] == "runlore"]

    assert {name.split(".")[0] for name in loaded}.isdisjoint({*HEAVY} - allowed)
    assert [name for name in own if name.startswith(tuple(UNNEEDED_FOR_READING))] == []
    assert len(own) <= most


def test_the_client_is_found_where_people_look() -> None:
    """`from runlore import Client` gives the class of `runlore.client`, and importing the package does not load it."""
    from runlore.client import Client

    assert runlore.Client is Client
    assert "runlore.client" not in modules_after("import runlore")
