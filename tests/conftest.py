"""What all tests share: no test touches the user's own record, and generated examples have no deadline."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("here", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session", autouse=True)
def _nobodys_record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever a test forgets to choose, it works in a folder that is thrown away, with default settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RUNLORE_")]:
            patch.delenv(name)
        patch.setenv("RUNLORE_HOME", str(tmp_path_factory.mktemp("nobody")))
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty record's folder, chosen by the environment for this process and its children."""
    folder = tmp_path / "home"
    monkeypatch.setenv("RUNLORE_HOME", str(folder))
    return folder
