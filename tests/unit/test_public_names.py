"""The package's public names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import runlore

PUBLIC = [
    "ArtifactConfig",
    "ExternalArtifact",
    "File",
    "Secret",
    "Status",
    "__version__",
    "get_step_context",
    "load_artifact",
    "log_metadata",
    "mapped",
    "pipeline",
    "save_artifact",
    "step",
    "unmapped",
]

#: Costly or replaceable; none is needed before a run begins or a value of its kind is met.
HEAVY = ["asyncio", "click", "cloudpickle", "loky", "numpy", "pandas", "pyarrow", "pydantic", "rich", "sqlite3", "yaml"]


def loaded_by(code: str) -> set[str]:
    """Top-level modules that a fresh process holds after ``code``."""
    script = f"{code}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


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
    with pytest.raises(AttributeError, match=r"'stepp'.*pipeline, save_artifact, step"):
        runlore.stepp  # noqa: B018


def test_version_is_that_of_the_distribution() -> None:
    """The version in the code is the one that was installed."""
    from importlib.metadata import version

    assert runlore.__version__ == version("runlore")


@pytest.mark.parametrize("code", ["import runlore", "from runlore import step, pipeline"])
def test_importing_is_light(code: str) -> None:
    """Importing the package, and what declares a pipeline, loads nothing heavy."""
    assert loaded_by(code).isdisjoint(HEAVY)


def test_client_is_light() -> None:
    """Importing the client loads neither data libraries nor the command line's."""
    assert loaded_by("from runlore.client import Client").isdisjoint({*HEAVY} - {"sqlite3"})
