from __future__ import annotations

import importlib
import json
import linecache
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import FunctionType
from typing import Any

import pytest

from runlore.execute import code
from runlore.execute.code import project_root, snapshot
from runlore.execute.git import GitCapture, GitState, ask_git, is_repository
from runlore.execute.ignored import Ignored, looks_secret
from runlore.model.digest import digest_of


class Store:
    """Blobs in a dictionary, which counts what is put."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.puts = 0

    def put(self, data: bytes | bytearray | memoryview) -> str:
        self.puts += 1
        digest = digest_of(data)
        self.blobs[digest] = bytes(data)
        return digest

    def claim(self, digest: str) -> bool:
        return digest in self.blobs


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two modules, of which one imports the other; its modules are forgotten afterwards."""
    root = tmp_path / "project"
    (root / "lib_of_snapshot").mkdir(parents=True)
    (root / "pyproject.toml").write_text("")
    (root / "lib_of_snapshot" / "__init__.py").write_text("")
    (root / "lib_of_snapshot" / "helper.py").write_text("def helper():\n    return 1\n")
    (root / "flow_of_snapshot.py").write_text(
        "import json\nfrom lib_of_snapshot.helper import helper\n\ndef work():\n    return helper()\n"
    )
    (root / "unused_of_snapshot.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(str(root))
    for name in ("flow_of_snapshot", "lib_of_snapshot", "lib_of_snapshot.helper"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield root  # type: ignore[misc]
    for name in [name for name in sys.modules if "of_snapshot" in name]:
        del sys.modules[name]


@pytest.fixture
def work(project: Path) -> Callable[[], Any]:
    """A function of the project."""
    return importlib.import_module("flow_of_snapshot").work  # type: ignore[no-any-return]


def read(store: Store, digest: str) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(store.blobs[digest])
    return manifest


def test_project_s_modules_are_kept(store: Store, project: Path, work: Callable[[], Any]) -> None:
    """The manifest names the project's imported modules, and their bytes come back by digest."""
    manifest = read(store, snapshot([work], store, entry=project / "flow_of_snapshot.py"))

    assert manifest["entry"] == "flow_of_snapshot.py"
    assert list(manifest["files"]) == [
        "flow_of_snapshot.py",
        "lib_of_snapshot/__init__.py",
        "lib_of_snapshot/helper.py",
    ]
    digest = manifest["files"]["lib_of_snapshot/helper.py"]
    assert store.blobs[digest] == (project / "lib_of_snapshot" / "helper.py").read_bytes()
    assert manifest["omitted"] == 0


def test_unchanged_project_is_not_read_again(store: Store, project: Path, work: Callable[[], Any]) -> None:
    """A second snapshot of unchanged sources is the same manifest and writes nothing."""
    first = snapshot([work], store, entry=project / "flow_of_snapshot.py")
    puts = store.puts

    assert snapshot([work], store, entry=project / "flow_of_snapshot.py") == first
    assert store.puts == puts


def test_changed_file_is_kept_anew(store: Store, project: Path, work: Callable[[], Any]) -> None:
    """An edited module has another digest in the next manifest, and the old bytes stay."""
    first = snapshot([work], store, entry=project / "flow_of_snapshot.py")
    helper = project / "lib_of_snapshot" / "helper.py"
    helper.write_text("def helper():\n    return 1_000\n")
    second = snapshot([work], store, entry=project / "flow_of_snapshot.py")

    name = "lib_of_snapshot/helper.py"
    old, new = read(store, first)["files"][name], read(store, second)["files"][name]
    assert store.blobs[new] == helper.read_bytes() != store.blobs[old]


def test_deleted_blob_is_written_again(store: Store, project: Path, work: Callable[[], Any]) -> None:
    """A blob that was swept away meanwhile is stored again, though the file did not change."""
    first = snapshot([work], store, entry=project / "flow_of_snapshot.py")
    before = dict(store.blobs)
    store.blobs.clear()

    assert snapshot([work], store, entry=project / "flow_of_snapshot.py") == first
    assert store.blobs == before


def test_ignored_and_secret_files_stay_out(store: Store, project: Path) -> None:
    """Modules that git ignores, and those whose name tells of secrets, are not in the snapshot."""
    (project / ".gitignore").write_text("local_*.py\n")
    (project / "local_of_snapshot.py").write_text("PASSWORD = 'canary'\n")
    (project / "lib_of_snapshot" / "secrets.py").write_text("TOKEN = 'canary'\n")
    importlib.invalidate_caches()
    flow = importlib.import_module("flow_of_snapshot")
    importlib.import_module("local_of_snapshot")
    importlib.import_module("lib_of_snapshot.secrets")
    snapshot([flow.work], store, entry=project / "flow_of_snapshot.py")

    assert not any(b"canary" in data for data in store.blobs.values())


def test_limits_leave_files_out_and_say_so(
    store: Store, project: Path, work: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit of files, the rest is counted as omitted."""
    monkeypatch.setattr(code, "FILE_LIMIT", 1)
    manifest = read(store, snapshot([work], store, entry=project / "flow_of_snapshot.py"))

    assert len(manifest["files"]) == 1
    assert manifest["omitted"] == 2


def test_notebook_cell_is_kept(store: Store, tmp_path: Path) -> None:
    """The source of a function that exists only in memory is kept as a cell."""
    source = "def cell_work():\n    return 3\n"
    name = str(tmp_path / "ipykernel_1" / "42.py")
    space: dict[str, Any] = {}
    exec(compile(source, name, "exec"), space)
    function = space["cell_work"]
    assert isinstance(function, FunctionType)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    try:
        manifest = read(store, snapshot([function], store))
    finally:
        del linecache.cache[name]

    assert [store.blobs[digest].decode() for digest in manifest["cells"]] == [source]


def test_function_without_source_is_no_failure(store: Store) -> None:
    """A function of ``python -c``, and a callable without code, make a snapshot without them."""
    space: dict[str, Any] = {}
    exec("def nowhere(): pass", space)

    assert read(store, snapshot([space["nowhere"], len], store))["cells"] == []


def test_packages_are_not_the_project_s(store: Store, project: Path, work: Callable[[], Any]) -> None:
    """Neither the standard library, nor installed packages, nor runlore itself are in a snapshot."""
    manifest = read(store, snapshot([work, json.dumps, pytest.fail, snapshot], store, entry=work.__code__.co_filename))

    assert set(manifest["files"]) == {
        "flow_of_snapshot.py",
        "lib_of_snapshot/__init__.py",
        "lib_of_snapshot/helper.py",
    }


def test_project_root_is_the_nearest_marked_folder(tmp_path: Path) -> None:
    """The root is the nearest folder upwards with a mark of a project."""
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text("")

    assert project_root(tmp_path / "a" / "b" / "c" / "x.py") == (tmp_path / "a").resolve()


@pytest.mark.parametrize(
    ("rules", "path", "ignored"),
    [
        ("*.pyc", "a/b.pyc", True),
        ("build/", "build/x.py", True),
        ("build/", "src/build/x.py", True),
        ("/build", "src/build/x.py", False),
        ("build/", "build", False),
        ("docs/*.py", "docs/a.py", True),
        ("docs/*.py", "docs/deep/a.py", False),
        ("docs/**/a.py", "docs/deep/er/a.py", True),
        ("docs/**/a.py", "docs/a.py", True),
        ("**/tmp", "x/y/tmp/z.py", True),
        ("data/**", "data/x/y.py", True),
        ("*.py\n!keep.py", "keep.py", False),
        ("*.py\n!keep.py", "other.py", True),
        ("gone/\n!gone/keep.py", "gone/keep.py", True),
        ("# a.py\n\n", "a.py", False),
        ("\\#a.py", "#a.py", True),
        ("[!a]?.py", "bc.py", True),
        ("[!a]?.py", "ac.py", False),
        ("a.py   ", "a.py", True),
        ("x*", "y.py", False),
    ],
)
def test_ignore_rules_are_those_of_git(rules: str, path: str, ignored: bool, tmp_path: Path) -> None:
    """A path is ignored exactly when git says so."""
    (tmp_path / ".gitignore").write_text(rules + "\n")

    assert (PurePosixPath(path) in Ignored(tmp_path)) is ignored
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    git = subprocess.run(["git", "check-ignore", "-q", "--", path], cwd=tmp_path, check=False)
    assert (git.returncode == 0) is ignored


def test_inner_ignore_file_wins(tmp_path: Path) -> None:
    """A deeper .gitignore takes back what an upper one ignores."""
    (tmp_path / "a").mkdir()
    (tmp_path / ".gitignore").write_text("*.py\n")
    (tmp_path / "a" / ".gitignore").write_text("!b.py\n")

    assert PurePosixPath("a/b.py") not in Ignored(tmp_path)
    assert PurePosixPath("a/c.py") in Ignored(tmp_path)


@pytest.mark.parametrize("name", [".env", "deploy/.env.local", "id_rsa", "keys/server.PEM", "secrets/a.py"])
def test_secret_names(name: str) -> None:
    """Names that tend to mean secrets are recognised, in any folder and case."""
    assert looks_secret(PurePosixPath(name))
    assert not looks_secret(PurePosixPath("train.py"))


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True, env=environ
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit on the branch ``main``."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "a.py").write_text("x = 1\n")
    (folder / ".env").write_text("TOKEN=old\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def ask(folder: Path, **options: Any) -> GitState | None:
    found: list[GitState] = []
    if is_repository(folder):
        capture = GitCapture(folder, **options)
        capture.join(found.append)
        capture.finish(30)
    return found[0] if found else None


def test_clean_repository(repository: Path) -> None:
    """A clean tree has its commit and branch and no diff, from any folder in it."""
    (repository / "inner").mkdir()
    expected = GitState(commit=git(repository, "rev-parse", "HEAD"), branch="main", dirty=False, diff=None)

    assert ask(repository) == expected
    assert ask(repository / "inner") == expected


def test_changed_repository_has_a_diff_without_secrets(repository: Path) -> None:
    """Changes are kept as a patch that applies, without files that look secret."""
    (repository / "a.py").write_text("x = 2\n")
    (repository / ".env").write_text("TOKEN=canary\n")
    (repository / "deep").mkdir()
    (repository / "deep" / "Secrets.toml").write_text("canary\n")
    git(repository, "add", "deep")
    state = ask(repository)

    assert state is not None
    assert state.dirty
    assert state.diff is not None
    assert b"+x = 2" in state.diff
    assert b"canary" not in state.diff
    (repository / "a.py").write_text("x = 1\n")
    subprocess.run(["git", "apply", "-"], cwd=repository, input=state.diff, check=True)
    assert (repository / "a.py").read_text() == "x = 2\n"


def test_git_s_facts_name_the_stored_diff(repository: Path, store: Store) -> None:
    """What a run records of git is plain, with the diff as a blob."""
    clean = ask(repository)
    (repository / "a.py").write_text("x = 2\n")
    changed = ask(repository)

    assert clean is not None
    assert changed is not None
    assert clean.facts(store) == {"commit": clean.commit, "branch": "main", "dirty": False, "diff": None}
    digest = changed.facts(store)["diff"]
    assert isinstance(digest, str)
    assert store.blobs[digest] == changed.diff


def test_no_repository_and_no_git(tmp_path: Path, repository: Path) -> None:
    """Outside a repository, without git, or without a commit, there is no state to tell, and no failure."""
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert ask(fresh) is None
    assert ask(repository, program="no-such-git") is None

    git(fresh, "init", "-q", "-b", "main")
    assert ask(fresh) == GitState(commit=None, branch="main", dirty=False, diff=None)


def test_surrounding_git_variables_do_not_mislead(repository: Path, tmp_path: Path) -> None:
    """Variables of a git hook that runs us do not make another repository answer."""
    state = ask(repository, environ=os.environ | {"GIT_DIR": str(tmp_path / "elsewhere")})

    assert state is not None
    assert state.commit == git(repository, "rev-parse", "HEAD")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell script")
def test_configured_programs_do_not_run(repository: Path, tmp_path: Path) -> None:
    """External diff programs and monitors that a repository configures are not run."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for name in ("diff.external", "core.fsmonitor"):
        git(repository, "config", name, str(trap))
    (repository / "a.py").write_text("x = 3\n")
    (tmp_path / "sprung").unlink(missing_ok=True)
    state = ask(repository)

    assert state is not None
    assert state.diff is not None
    assert not (tmp_path / "sprung").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell script")
def test_slow_git_is_not_waited_for(repository: Path, tmp_path: Path) -> None:
    """A git that does not answer in time is stopped, and nothing is told."""
    slow = tmp_path / "slow-git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    found: list[GitState] = []
    capture = GitCapture(repository, program=str(slow))
    capture.join(found.append)
    capture.finish(0.01)

    assert capture.over
    assert found == []
    assert capture._process is not None
    assert capture._process.returncode == -signal.SIGKILL


def test_git_is_asked_at_the_end_of_a_process_that_was_too_short(repository: Path, tmp_path: Path) -> None:
    """A run that is over before git is asked still gets its commit, also when the process ends with it."""
    (repository / "flow.py").write_text(
        textwrap.dedent(
            """
            from runlore import pipeline, step

            @step
            def one() -> int:
                return 1

            @pipeline
            def short():
                return one()

            short()
            """
        )
    )
    environ = {**os.environ, "RUNLORE_HOME": str(tmp_path / "home"), "RUNLORE_PROGRESS": "quiet"}
    subprocess.run([sys.executable, "flow.py"], cwd=repository, env=environ, check=True)
    asked = "from runlore.client import Client; print(Client().get_pipeline('short').last_run.git_commit)"
    told = subprocess.run([sys.executable, "-c", asked], env=environ, check=True, capture_output=True, text=True)

    assert told.stdout.strip() == git(repository, "rev-parse", "HEAD")


def test_wishes_for_the_same_moment_share_one_answer(repository: Path) -> None:
    """Whoever asks before git does gets the same answer; whoever asks later gets a later one."""
    found: list[GitState] = []
    first = ask_git(repository, found.append, after=60)
    second = ask_git(repository, found.append, after=60)

    assert first is not None
    assert first is second
    first.finish(30)
    assert len(found) == 2
    later = ask_git(repository, found.append, after=60)
    assert later is not first
    assert later is not None
    later.finish(30)
    assert found == [found[0]] * 3
