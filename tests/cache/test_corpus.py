"""Each small edit that can change a result changes the fingerprint, each harmless one does not."""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from runlore.plan.fingerprint import Fingerprint, fingerprint

_SPEC = importlib.util.spec_from_file_location("fingerprint_corpus", Path(__file__).with_name("corpus.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
corpus = importlib.util.module_from_spec(_SPEC)
sys.modules["fingerprint_corpus"] = corpus
_SPEC.loader.exec_module(corpus)


def write(program: str, folder: Path) -> Path:
    """Write the files of a program into a new folder."""
    name, lines = "work.py", []
    files = {}
    for line in [*program.splitlines(), "--- end"]:
        if line.startswith("--- "):
            files[name] = "\n".join(lines) + "\n"
            name, lines = line[4:], []
        else:
            lines.append(line)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def place_of(module: ModuleType) -> str:
    """Where a module lies; a namespace package has a folder only."""
    return getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")


def imported(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Fingerprint:
    """Fingerprint of ``step``, from real files that are imported afresh."""
    write(program, folder)
    known = set(sys.modules)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setattr(sys, "dont_write_bytecode", True)
        try:
            return fingerprint(importlib.import_module("work").step)
        finally:
            for name in set(sys.modules) - known:
                if place_of(sys.modules[name]).startswith(str(folder)):
                    del sys.modules[name]


def executed(program: str) -> Fingerprint:
    """Fingerprint of ``step``, from text that no file holds, as in a REPL."""
    module = ModuleType("work")
    sys.modules["work"] = module
    try:
        exec(compile(program, "<typed>", "exec", dont_inherit=True), vars(module))
        return fingerprint(module.step)
    finally:
        del sys.modules["work"]


@pytest.mark.parametrize("edit", corpus.CHANGES, ids=lambda edit: edit.name)
def test_an_edit_that_matters_changes_the_fingerprint(
    edit: corpus.Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit that can change the result changes the fingerprint."""
    before = imported(edit.before, tmp_path / "before", monkeypatch)
    after = imported(edit.after, tmp_path / "after", monkeypatch)

    assert before.reason is None
    assert after.reason is None
    assert before.digest != after.digest


@pytest.mark.parametrize("edit", [one for one in corpus.CHANGES if one.alone], ids=lambda edit: edit.name)
def test_an_edit_that_matters_changes_the_fingerprint_without_source(edit: corpus.Edit) -> None:
    """Where there is no source, the bytecode tells that an edit can change the result."""
    before, after = executed(edit.before), executed(edit.after)

    assert before.reason is None
    assert after.reason is None
    assert before.digest != after.digest


@pytest.mark.parametrize("edit", corpus.HARMLESS, ids=lambda edit: edit.name)
def test_a_harmless_edit_keeps_the_fingerprint(
    edit: corpus.Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comments, formatting, docstrings and what is not reached do not count."""
    before = imported(edit.before, tmp_path / "before", monkeypatch)
    after = imported(edit.after, tmp_path / "after", monkeypatch)

    assert before.reason is None
    assert before.digest == after.digest


@pytest.mark.parametrize("name,program,word", corpus.UNCACHEABLE, ids=[row[0] for row in corpus.UNCACHEABLE])
def test_what_has_no_identity_is_uncacheable(
    name: str, program: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that reaches something without identity has no fingerprint, and the reason names it."""
    found = imported(program, tmp_path, monkeypatch)

    assert found.digest is None
    assert word in str(found.reason)


PROGRAMS = {edit.before: edit.name for edit in [*corpus.CHANGES, *corpus.HARMLESS]}
PRINT_ALL = """
import importlib, sys
from runlore.plan.fingerprint import fingerprint
for folder in sys.argv[1:]:
    known = set(sys.modules)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    print(fingerprint(importlib.import_module("work").step).digest.hex())
    sys.path.remove(folder)
    for name in set(sys.modules) - known:
        module = sys.modules[name]
        if str(getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")).startswith(folder):
            del sys.modules[name]
"""


def run(arguments: list[str], seed: str) -> list[str]:
    """Lines that a new Python process prints."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_fingerprints_are_the_same_in_every_process(tmp_path: Path) -> None:
    """No fingerprint depends on addresses or on the seed of string hashes."""
    folders = [str(write(program, tmp_path / name)) for program, name in PROGRAMS.items()]

    first = run(["-c", PRINT_ALL, *folders], "1")

    assert len(first) == len(folders)
    assert first == run(["-c", PRINT_ALL, *folders], "2")


def test_python_c_tells_edits_apart() -> None:
    """Under ``python -c`` there is no source; a changed helper and a comment are told apart all the same."""
    show = "\nfrom runlore.plan.fingerprint import fingerprint\nprint(fingerprint(step).digest.hex())\n"
    base = "def helper(x):\n    return x * 2\n\ndef step(x):\n    return helper(x)\n"

    digests = [run(["-c", text + show], "0") for text in (base, base.replace("* 2", "* 3"), "# why\n" + base)]

    assert digests[0] != digests[1]
    assert digests[0] == digests[2]


def test_a_script_and_an_imported_module_agree(tmp_path: Path) -> None:
    """The same step has the same fingerprint as a script and as an imported module."""
    show = 'if __name__ == "__main__":\n    from runlore.plan.fingerprint import fingerprint\n'
    show += "    print(fingerprint(step).digest.hex())\n"
    write(corpus.CLASSES + show, tmp_path)
    importing = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import work\n"
    importing += "from runlore.plan.fingerprint import fingerprint; print(fingerprint(work.step).digest.hex())"

    assert run([str(tmp_path / "work.py")], "0") == run(["-c", importing], "0")


def test_a_file_edited_under_a_running_process_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that was imported before its file was edited does not get the fingerprint of the edited one."""
    folder = write(corpus.HELPER.replace("x * 2", "x * 3"), tmp_path / "edited")
    edited = imported(corpus.HELPER.replace("x * 2", "x * 3"), tmp_path / "edited", monkeypatch)
    path = folder / "work.py"
    path.write_text(corpus.HELPER.lstrip())
    namespace: dict[str, object] = {"__name__": "work_before_edit"}
    exec(compile(path.read_text(), str(path), "exec", dont_inherit=True), namespace)
    path.write_text(corpus.HELPER.replace("x * 2", "x * 3").lstrip())
    linecache.clearcache()

    running = fingerprint(namespace["step"])

    assert running.digest != edited.digest
    assert any(part.kind == "function" and "x * 3" in part.text for part in edited.parts)
    assert not any("x * 3" in part.text for part in running.parts)


#: Parameters whose order in memory follows the seed of string hashes.
SHOW_KEYS = """
import sys
from pathlib import Path
from runlore import pipeline, step
from runlore.author.current import use_workspace
from runlore.settings import Settings
from runlore.workspace import Workspace

NAMES = {"a", "bc", "def", ("x", 1), frozenset(["y", "z"])}

@step
def take(x: object) -> int:
    return len(NAMES)

@pipeline
def taking() -> None:
    take({"k": {"one", "two", "three"}, "f": frozenset([("a", 1), ("b", 2), frozenset(["c", "d"])])})

opened = Workspace.open(Settings(home=Path(sys.argv[1]), progress="quiet"))
with use_workspace(opened):
    print(taking().steps["take"].tasks[0]._noun.key.hex())
"""


def test_keys_are_the_same_whatever_the_hash_seed_and_the_folder(tmp_path: Path) -> None:
    """One script in two folders, under two seeds and from two working directories, has one key."""
    keys = set()
    for number, seed in enumerate(("1", "2", "3")):
        folder = tmp_path / f"folder {number}"
        folder.mkdir()
        script = folder / f"script_{number}.py"
        script.write_text(SHOW_KEYS)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, str(script), str(folder / "home")],
            env=environment, cwd=folder if number else tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        keys.add(done.stdout.strip())

    assert len(keys) == 1


def test_a_moved_and_renamed_file_agrees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code in a module of another name and place, helpers and classes included, has the same fingerprint."""
    found = []
    for name in ("first_place", "another_place"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.py").write_text(corpus.CLASSES)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(folder))
            found.append(fingerprint(importlib.import_module(name).step).digest)
        del sys.modules[name]

    assert found[0] is not None
    assert found[0] == found[1]


def test_code_in_a_zip_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper inside a zip archive is the project's: a change of it counts."""
    import zipfile

    found = []
    for number, text in enumerate(("x * 2", "x * 3")):
        archive = tmp_path / f"code{number}.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("zipped_helper.py", f"def helper(x):\n    return {text}\n")
            opened.writestr(
                "zipped_work.py", "import zipped_helper\n\ndef step(x):\n    return zipped_helper.helper(x)\n"
            )
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(archive))
            found.append(fingerprint(importlib.import_module("zipped_work").step))
            for name in ("zipped_work", "zipped_helper"):
                del sys.modules[name]

    assert [one.reason for one in found] == [None, None]
    assert found[0].digest != found[1].digest


def test_a_reloaded_module_counts_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an edit and `importlib.reload`, the step that calls the module's function has another fingerprint."""
    helper = tmp_path / "reloaded_helper.py"
    helper.write_text("RATE = 2\n\ndef scale(x):\n    return x * RATE\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.import_module("reloaded_helper")
    namespace: dict[str, object] = {"__name__": "__main__", "helper": module}
    exec("def step(x):\n    return helper.scale(x)", namespace)
    found = [fingerprint(namespace["step"])]
    for text in (
        "RATE = 3\n\ndef scale(x):\n    return x * RATE\n",
        "RATE = 3\n\ndef scale(x):\n    return x + RATE\n",
    ):
        helper.write_text(text)
        linecache.clearcache()
        importlib.reload(module)
        found.append(fingerprint(namespace["step"]))
    del sys.modules["reloaded_helper"]

    assert len({one.digest for one in found}) == 3
