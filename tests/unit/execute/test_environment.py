from __future__ import annotations

import getpass
import importlib.metadata
import json
import platform
import re
import sys
from pathlib import Path

import pytest

from runlore.execute import environment
from runlore.model.digest import digest_of
from runlore.platform import user_name


def test_description_names_python_machine_and_packages() -> None:
    """The description says which Python, machine and package versions a run used."""
    told = json.loads(environment.describe())

    assert told["python"] == platform.python_version()
    assert told["host"] == platform.node()
    assert told["packages"]["pytest"] == pytest.__version__


def test_packages_agree_with_their_metadata() -> None:
    """Versions read from directory names are those that the packages' own metadata tell."""
    found = environment.packages()

    for distribution in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        assert found[name] == importlib.metadata.version(name)


def test_description_is_equal_for_equal_environments() -> None:
    """Asked twice, the text is the same, so that it is stored once."""
    assert environment.describe() == environment.describe()


def test_description_is_stored_once() -> None:
    """A second snapshot of the same environment writes nothing."""

    class Blobs(dict[str, bytes]):
        puts = 0

        def put(self, data: bytes | bytearray | memoryview) -> str:
            self.puts += 1
            self[digest_of(data)] = bytes(data)
            return digest_of(data)

        def claim(self, digest: str) -> bool:
            return digest in self

    blobs = Blobs()
    digest = environment.snapshot(blobs)

    assert environment.snapshot(blobs) == digest
    assert blobs.puts == 1
    assert blobs[digest].decode() == environment.describe()


def test_package_installed_between_two_runs_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that appears while the process lives is in the next description; on a clash the first folder wins."""
    near, far = tmp_path / "near", tmp_path / "far"
    near.mkdir()
    far.mkdir()
    monkeypatch.setattr(sys, "path", [str(near), str(far)])
    assert environment.packages() == {}

    (far / "Some_Package-1.0.dist-info").mkdir()
    assert environment.packages() == {"some-package": "1.0"}
    (near / "some.package-2.0-py3.11.egg-info").write_text("")
    assert environment.packages() == {"some-package": "2.0"}
    assert json.loads(environment.describe())["packages"] == {"some-package": "2.0"}


@pytest.mark.parametrize("error", [OSError, KeyError, ImportError])
def test_no_user_name_is_no_failure(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the user has no name, the description says none."""

    def nobody() -> str:
        raise error("no name")

    monkeypatch.setattr(getpass, "getuser", nobody)
    user_name.cache_clear()
    try:
        assert user_name() is None
    finally:
        user_name.cache_clear()


def test_environment_variables_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of environment variables never enter the description."""
    monkeypatch.setenv("API_TOKEN", "canary-8d1f")
    monkeypatch.setattr(environment, "_described", None)

    assert "canary-8d1f" not in environment.describe()
