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
                module = sys.modules[name]
                if str(getattr(module, "__file__", "")).startswith(str(folder)):
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
        if str(getattr(sys.modules[name], "__file__", "")).startswith(folder):
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
