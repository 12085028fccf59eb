"""What code a run was made of comes back: as texts, as files, as an archive, with the state of the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runlore.client import Client
from runlore.errors import AlreadyExists, ArtifactCorrupt, NotFound
from runlore.recall.code import Code

FLOW = """
from runlore import step, pipeline
import {helper}

@step
def double(number: int) -> int:
    return {helper}.twice(number)

@pipeline
def doubling(number: int = 1) -> None:
    double(number)

if __name__ == "__main__":
    doubling()
"""


def run(*words: str, cwd: Path, stdin: str | None = None) -> None:
    """Run Python in a process of its own."""
    done = subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, input=stdin)
    assert done.returncode == 0, done.stderr


def git(folder: Path, *words: str) -> None:
    """Run git without anybody's configuration."""
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, env={**os.environ, **quiet}, check=True, capture_output=True)


def code_of(files: dict[str, bytes], cells: tuple[bytes, ...] = (), **given: Any) -> Code:
    """Code as a manifest tells it."""
    contents = {f"sha256:{name}": data for name, data in files.items()}
    contents |= {f"cell:{number}": data for number, data in enumerate(cells)}
    names = {name: f"sha256:{name}" for name in files}
    cell_names = [f"cell:{number}" for number in range(len(cells))]
    manifest = {"form": 1, "entry": None, "files": names, "cells": cell_names, "omitted": 0, **given}
    contents["manifest"] = json.dumps(manifest).encode()
    return Code("manifest", contents.__getitem__, owner="training/1")


def test_a_script_in_a_repository(home: Path, tmp_path: Path) -> None:
    """A run of a script has its text, the modules it used, the commit, and how the files differed from it."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "helper_a.py").write_text("def twice(x):\n    return x + x\n")
    (project / "flow.py").write_text(FLOW.format(helper="helper_a"))
    git(project, "init", "-q", "-b", "main")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    (project / "helper_a.py").write_text("def twice(x):\n    return 2 * x\n")
    run("flow.py", cwd=project)

    found = Client().get("doubling/1")
    code = found.code
    assert code.entry == FLOW.format(helper="helper_a") and code.entry_path == "flow.py"
    assert list(code) == ["flow.py", "helper_a.py"] and "helper_a.py" in code and "x.py" not in code
    assert code.branch == "main" and code.dirty is True and len(code.commit) == 40 and code.commit == found.git_commit
    assert "-    return x + x" in code.diff and "+    return 2 * x" in code.diff
    assert code.info["files"] == 2 and code.info["path"] == code.path and code.path.startswith("sha256:")
    assert dict(found.steps["double"].code) == dict(found.steps["double"][0].code) == dict(code)
    with pytest.raises(NotFound, match="Did you mean 'helper_a.py'"):
        code["helper.py"]


def test_a_pipeline_that_a_script_imports(home: Path, tmp_path: Path) -> None:
    """The entry is the module that defines the pipeline; its path is that of the script that was started."""
    (tmp_path / "helper_b.py").write_text("def twice(x):\n    return x + x\n")
    (tmp_path / "flow_b.py").write_text(FLOW.format(helper="helper_b"))
    (tmp_path / "start.py").write_text("import flow_b\nflow_b.doubling()\n")
    run("start.py", cwd=tmp_path)

    code = Client().get("doubling/1").code
    assert code.entry == FLOW.format(helper="helper_b")
    assert code.entry_path == "start.py" and code["start.py"].startswith("import flow_b")
    assert (code.commit, code.branch, code.dirty, code.diff) == (None, None, None, None)


SHORT = """
from runlore import step, pipeline
@step
def double(number: int) -> int:
    return 2 * number
@pipeline
def doubling(number: int = 1) -> None:
    double(number)
doubling()
"""


def test_a_command_line_is_kept(home: Path, tmp_path: Path) -> None:
    """What stands behind ``python -c`` is a cell of the run and its entry."""
    run("-c", SHORT, "an argument", cwd=tmp_path)

    code = Client().get("doubling/1").code
    assert code.entry == SHORT and code.cells == (SHORT,) and dict(code) == {} and code.entry_path is None


def test_what_was_typed_has_at_least_its_instructions(home: Path, tmp_path: Path) -> None:
    """Of a pipeline whose text nobody kept, the code is that of its steps as it was taken for the cache."""
    run("-", cwd=tmp_path, stdin=SHORT)

    found = Client().get("doubling/1")
    assert found.code.entry == found.code.steps["double"] == found.steps["double"].source_code
    assert found.code.entry


def test_code_that_was_not_captured(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``capture_code`` off there are no files, but still the code of the steps, and who ran it where."""
    monkeypatch.setenv("RUNLORE_CAPTURE_CODE", "false")
    (tmp_path / "flow.py").write_text(SHORT)
    run("flow.py", cwd=tmp_path)

    found = Client().get("doubling/1")
    assert (dict(found.code), found.code.path, found.code.commit) == ({}, None, None)
    assert "2 * number" in found.code.steps["double"] and "2 * number" in found.code.entry
    assert found.environment == {"host": found.host, "user": found.user}
    with found.code.tarball as archive:
        assert archive.getnames() == []


def test_the_environment_is_a_plain_dict(home: Path, tmp_path: Path) -> None:
    """The environment names Python, platform, machine, packages, host, user and runlore; step and task have it too."""
    run("-c", SHORT, cwd=tmp_path)

    found = Client().get("doubling/1")
    environment = found.environment
    assert type(environment) is dict and environment["python"] == ".".join(map(str, sys.version_info[:3]))
    assert environment["processors"] == os.cpu_count() and isinstance(environment["gpus"], list)
    assert environment["platform"].startswith(environment["system"]) and environment["host"] == found.host
    assert environment["packages"]["pytest"] == pytest.__version__ and environment["runlore"]
    assert found.steps["double"].environment == found.steps["double"][0].environment == environment


def test_the_archive_is_the_same_each_time(tmp_path: Path) -> None:
    """The tarball holds files and cells with their exact bytes, and is the same bytes for the same sources."""
    code = code_of({"b.py": b"b\r\n", "pack/a.py": "ä".encode(), "__cells__/1.py": b"mine"}, (b"cell 1", b"cell 2"))

    with code.tarball as archive, code.tarball as again:
        contents = {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]
        assert archive.fileobj.getvalue() == again.fileobj.getvalue()  # type: ignore[union-attr]
    assert contents == {
        "b.py": b"b\r\n", "pack/a.py": "ä".encode(), "__cells__/1.py": b"mine", "___cells__/1.py": b"cell 1",
        "___cells__/2.py": b"cell 2",
    }  # fmt: skip


def test_extracting_writes_all_or_nothing(tmp_path: Path) -> None:
    """A file that is there is an error before anything is written, unless it may be replaced."""
    code = code_of({"a.py": b"a", "pack/b.py": b"b"}, (b"cell",))
    target = tmp_path / "out"
    (target / "pack").mkdir(parents=True)
    (target / "pack" / "b.py").write_text("precious")

    with pytest.raises(AlreadyExists, match=r"b\.py is already there; .* overwrite=True"):
        code.extract(target)
    assert [path.name for path in target.rglob("*")] == ["pack", "b.py"]

    assert code.extract(target, overwrite=True) == target
    written = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert written == {"a.py": b"a", "pack/b.py": b"b", "__cells__/1.py": b"cell"}


@pytest.mark.parametrize("name", ["../evil.py", "/evil.py", "a/../../evil.py", "..\\evil.py", "", "a\0.py"])
def test_no_path_leaves_the_folder(tmp_path: Path, name: str) -> None:
    """A path out of the folder is refused by `extract` and `tarball`, and nothing is written."""
    code = code_of({"a.py": b"", name: b""})

    with pytest.raises(ArtifactCorrupt, match="out of the folder"):
        code.extract(tmp_path / "out")
    with pytest.raises(ArtifactCorrupt, match="out of the folder"):
        code.tarball  # noqa: B018
    assert list(tmp_path.iterdir()) == []


def test_no_link_is_followed_out_of_the_folder(tmp_path: Path) -> None:
    """A link in the folder does not lead the writing elsewhere, and a file that is a link is replaced by the file."""
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "out"
    target.mkdir()
    (target / "pack").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ArtifactCorrupt, match="through a link"):
        code_of({"pack/a.py": b"x"}).extract(target, overwrite=True)
    (tmp_path / "victim").write_text("precious")
    (target / "a.py").symlink_to(tmp_path / "victim")
    code_of({"a.py": b"x"}).extract(target, overwrite=True)

    assert list((tmp_path / "elsewhere").iterdir()) == [] and (tmp_path / "victim").read_text() == "precious"
    assert (target / "a.py").read_text() == "x" and not (target / "a.py").is_symlink()
