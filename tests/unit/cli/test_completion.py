"""Shell completion, in the shells that are there."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import Result

from runlore import log_metric, pipeline, save_artifact, step
from runlore.show.cli import candidates
from runlore.show.cli.main import main

Cli = Callable[..., Result]
Complete = Callable[[str], list[str]]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these shells are not there")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with the program in it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    file = folder / "runlore"
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m runlore "$@"\n')
    file.chmod(0o755)
    return folder


def shell(program: Path, *words: str, script: str) -> str:
    """What a shell says."""
    if shutil.which(words[0]) is None:
        pytest.skip(f"there is no {words[0]} here")
    environment = {**os.environ, "PATH": f"{program}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([*words, script], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def bash(program: Path, cli: Cli) -> Complete:
    """What bash offers after a line, as it would insert it."""
    (program / "script").write_text(cli("completion", "bash").stdout)

    def complete(line: str, word: str = "") -> list[str]:
        script = (
            f'. "{program}/script"\ncompopt() {{ :; }}\n'
            f"COMP_LINE={shlex.quote(line)}; COMP_POINT=${{#COMP_LINE}}\n"
            f"COMP_WORDS=({shlex.quote(word)}); COMP_CWORD=0\n_runlore_completion runlore\n"
            "printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        return [one for one in shell(program, "bash", "--norc", "-c", script=script).split("\n") if one]

    return complete


def test_bash_completes_commands_options_and_what_is_in_the_record(cli: Cli, bash: Complete) -> None:
    """Each level of a line is completed: commands, options, pipelines, runs, steps, artifacts, aliases."""
    cli("pipeline", "run", "flow.py:training")
    cli("artifact", "alias", "model", "production", "1")

    assert bash("runlore pipe") == ["pipeline"]
    assert bash("runlore run show training/")[-3:] == ["training/latest", "training/latest-successful", "training/1"]
    assert bash("runlore run show --js") == ["--json"]
    assert bash("runlore step show training/latest/") == ["training/latest/load", "training/latest/train"]
    assert bash("runlore artifact show mod") == ["model", "model@production", "model@1"]
    # bash takes what follows @ for a word of its own
    assert bash("runlore artifact show model@") == ["production", "1"]
    assert bash("runlore artifact alias model pro") == ["production"]
    assert bash("runlore nonsense x") == []


def test_quotes_are_left_to_bash(flow: Path, bash: Callable[..., list[str]]) -> None:
    """Inside quotes a name is offered as it is, unless a part of it would mean something there."""
    for name in ("my model", "my $(touch gone)", "my `id`", "my 'own'"):
        save_artifact(1, name)

    for quote in "\"'":
        word = f"{quote}my"
        assert bash(f"runlore artifact show {word}", word) == ["my model"]
    assert bash("runlore artifact show my\\ m", "my\\ m") == ["my\\ model", "my\\ model@1"]


def test_fish_completes(cli: Cli, program: Path) -> None:
    """The same candidates, with what a command does beside it."""
    cli("pipeline", "run", "flow.py:training")
    asked = 'runlore completion fish | source; complete -C "runlore run show tr"'

    assert "training/latest" in shell(program, "fish", "--no-config", "-c", script=asked).splitlines()


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_script_is_one(name: str, program: Path, cli: Cli, tmp_path: Path) -> None:
    """What is printed for a shell is a script that it can read; another shell is an error that lists these."""
    script = cli("completion", name).stdout
    assert "_RUNLORE_COMPLETE" in script
    file = tmp_path / "script"
    file.write_text(script)
    shell(program, name, "-n", script=str(file))


def test_another_shell_is_an_error(cli: Cli) -> None:
    """The shells that there are are listed."""
    refused = cli("completion", "tcsh")
    assert refused.exit_code == 2 and "'bash', 'zsh', 'fish'" in refused.stderr


@pytest.fixture
def asked() -> Callable[[str], list[str]]:
    """Candidates for a run, in this process."""
    return lambda text: candidates.runs(None, None, text)  # type: ignore[arg-type]


@pytest.fixture
def offered() -> Callable[[str], list[str]]:
    """What the program offers after a line, in this process."""

    def complete(line: str) -> list[str]:
        *words, last = line.split(" ")
        return [one.value for one in ShellComplete(main, {}, "runlore", "").get_completions(words, last)]

    return complete


def test_every_argument_is_completed() -> None:
    """Whatever a command is given by position, a shell can complete it; but for free texts."""
    for path, command in commands(main, ()):
        for one in command.params:
            if isinstance(one, click.Argument) and one.name not in ("text", "arguments"):
                known = isinstance(one.type, (click.Choice, click.Path, click.File))
                assert known or one._custom_shell_complete is not None, (path, one.name)


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below this one."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, (*path, name))


def test_whatever_a_command_takes_is_offered(cli: Cli, offered: Complete) -> None:
    """Several runs, whatever has a lineage, what bears tags, statuses, metrics and files are offered, too."""
    cli("pipeline", "run", "flow.py:training")

    assert "training/1" in offered("run compare training/1 tra")
    assert offered("lineage mod") == ["model", "model@1"]
    assert offered("lineage artifact:mod") == ["artifact:model", "artifact:model@1"]
    assert "training/1" in offered("lineage training/")
    assert offered("lineage training/1/t") == ["training/1/train"]
    assert offered("artifact tag mod") == ["model", "model@1"]
    assert offered("artifact alias model production ") == ["1"]
    assert offered("run list --status c") == ["completed", "cached", "cancelled"]
    (file,) = ShellComplete(main, {}, "runlore", "").get_completions(["pipeline", "run"], "fl")
    assert file.type == "file"


def test_metrics_are_offered(flow: Path, offered: Complete) -> None:
    """The name of a metric is completed from those of the run, whichever part of it was named."""

    @step
    def train() -> None:
        log_metric("loss", 1.0)

    @pipeline
    def measuring() -> None:
        train()

    measuring()
    for given in ("measuring/1", "measuring/latest/train", "measuring/1/train/0"):
        assert offered(f"run metrics {given} l") == ["loss"]
    assert offered("run metrics nothing/1 l") == []


def test_completing_makes_nothing(home: Path, asked: Complete, bash: Complete) -> None:
    """Where no record is, none is made, and there are no candidates."""
    assert asked("") == [] and bash("runlore run show ") == []
    assert not home.exists()


TYPED = ["", "x/", "a/b/c/d", "\x00", "\ud800", "%", "'; drop table run; --", "9" * 500, "/" * 99]


def test_completing_never_fails(home: Path, cli: Cli, asked: Complete) -> None:
    """Whatever is typed, there are no more than candidates."""
    cli("pipeline", "run", "flow.py:training")
    everything = (candidates.runs, candidates.steps, candidates.versions, candidates.artifacts, candidates.pipelines)
    everything += (candidates.references,)
    for text in TYPED:
        for complete in everything:
            found = complete(None, None, text)  # type: ignore[arg-type]
            assert all(one.startswith(text) for one in found)


def test_what_is_no_record_has_no_candidates(home: Path, asked: Complete, bash: Complete) -> None:
    """A damaged record is no reason to say anything under the cursor."""
    home.mkdir()
    (home / "record.db").write_bytes(b"no record at all" * 1000)

    assert asked("tr") == [] and bash("runlore run show tr") == []


def test_candidates_are_few(cli: Cli, asked: Complete, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many runs the newest are offered, and an older one that was typed in full."""
    monkeypatch.setattr(candidates, "MOST", 2)
    for _ in range(4):
        cli("pipeline", "run", "flow.py:training")

    assert asked("training/") == ["training/latest", "training/latest-successful", "training/4", "training/3"]
    assert asked("training/1") == ["training/1"]


def test_completing_a_command_imports_no_command() -> None:
    """The names of commands are offered without what they need."""
    code = (
        "import os, sys\nos.environ.update(_RUNLORE_COMPLETE='bash_complete', COMP_LINE='runlore run ')\n"
        "os.environ['COMP_POINT'] = '12'\n"
        "from runlore.show.cli.start import start\n"
        "try:\n    start()\nexcept SystemExit:\n    pass\n"
        "print({'sqlite3', 'runlore.recall.client', 'runlore.show.cli.run'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "plain,list" in done.stdout and done.stdout.endswith("set()\n")
