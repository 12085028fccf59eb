"""The command line: what it prints, how it refuses, and with which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import Result

import runlore
from runlore.show.cli.main import main
from runlore.show.cli.table import columns_of, table_lines

Cli = Callable[..., Result]
Told = Callable[..., Any]


def test_a_pipeline_runs_with_options_from_its_signature(cli: Cli, told: Told) -> None:
    """`pipeline run file.py:name --lr 0.2` runs it and prints the run's pathspec."""
    result = cli("pipeline", "run", "flow.py:training", "--lr", "0.25", "--n", "4")
    assert result.exit_code == 0 and result.stdout.splitlines()[-1] == "training/1"
    run = told("run", "show", "training/1")
    assert run["status"] == "completed"
    assert run["parameters"] == {"lr": 0.25, "n": 4}
    assert [step["name"] for step in run["steps"]] == ["load", "train"]


def test_options_are_typed(cli: Cli, told: Told) -> None:
    """Int, enum, literal, flag, list, optional, untyped and dashed options reach the pipeline as values."""
    given = "--count 3 --kind LARGE --mode slow --deep --layers 4 --layers 5 --note x --free 2 --learning-rate 1"
    assert cli("pipeline", "run", "flow.py:typed", *given.split()).exit_code == 0
    parameters = told("run", "show", "typed/1")["parameters"]
    assert parameters.pop("kind").endswith("LARGE")
    assert parameters == {
        "count": 3,
        "mode": "slow",
        "deep": True,
        "layers": [4, 5],
        "note": "x",
        "free": 2,
        "learning_rate": 1.0,
    }


def test_defaults_are_the_pipelines_own(cli: Cli, told: Told) -> None:
    """An option that is not given leaves the default of the signature."""
    assert cli("pipeline", "run", "flow.py:typed", "--count", "1").exit_code == 0
    parameters = told("run", "show", "typed/1")["parameters"]
    assert (parameters["layers"], parameters["note"], parameters["deep"]) == ([1], None, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lr", "much"], "'much' is not a valid float"),
        (["--rl", "1"], "--lr"),
        (["stray"], "stray"),
    ],
)
def test_wrong_arguments_are_usage_errors(cli: Cli, arguments: list[str], said: str) -> None:
    """A wrong type, an unknown option and a stray word exit with 2, before anything ran."""
    result = cli("pipeline", "run", "flow.py:training", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert json.loads(cli("run", "list", "--json").stdout) == []


def test_help_of_a_pipeline_lists_its_parameters(cli: Cli) -> None:
    """--help after the pipeline shows its docstring, its options and their defaults."""
    text = cli("pipeline", "run", "flow.py:training", "--help").stdout
    assert "Train on numbers." in text and "--lr FLOAT" in text and "default: 0.5" in text


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("flow.py:trainig", "Did you mean 'training'?"),
        ("flow.py", "flow.py:training"),
        ("missing.py:training", "There is no file 'missing.py'"),
        ("no_such_module_here:training", "There is no module 'no_such_module_here'"),
    ],
)
def test_an_unknown_target_says_what_there_is(cli: Cli, target: str, said: str) -> None:
    """A file, module or pipeline that is not there is one line and exit code 1."""
    result = cli("pipeline", "run", target)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert said in result.stderr


def test_the_users_exception_keeps_its_traceback(cli: Cli, told: Told) -> None:
    """A step that raises ends with exit code 1, its traceback, and a last line that names the error."""
    result = cli("pipeline", "run", "flow.py:training", "--lr=-1")
    assert result.exit_code == 1
    assert "Traceback" in result.stderr and 'raise ValueError("lr is negative")' in result.stderr
    assert "raised by step 'train' of run" in result.stderr
    assert str(Path(runlore.__file__).parent) not in result.stderr
    assert result.stderr.splitlines()[-1] == "Error: training failed: ValueError: lr is negative"
    assert told("run", "show", "training/1")["failure"] == "builtins.ValueError: lr is negative"


def test_every_listing_has_json(told: Told, cli: Cli) -> None:
    """--json prints a list of objects, empty when there is nothing."""
    listings = ("pipeline list", "run list", "pipeline runs list", "artifact list", "artifact version list")
    for words in listings:
        assert told(*words.split()) == []
    cli("pipeline", "run", "flow.py:training")
    for words in listings:
        rows = told(*words.split())
        assert rows and all(isinstance(row, dict) for row in rows), words


def test_limit_says_how_many_more_there_are(cli: Cli, told: Told) -> None:
    """A listing that was limited says so on stderr; --limit 0 gives all."""
    for _ in range(3):
        cli("pipeline", "run", "flow.py:training")
    result = cli("run", "list", "--limit", "2")
    assert len(result.stdout.splitlines()) == 3 and "and 1 more" in result.stderr
    assert [run["number"] for run in told("run", "list", "--limit", "0")] == [3, 2, 1]


def test_runs_can_be_filtered(cli: Cli, told: Told) -> None:
    """Filters, parameters and order reach the record; unknown ones are one line with a suggestion."""
    for lr in ("0.25", "0.5"):
        cli("pipeline", "run", "flow.py:training", "--lr", lr)
    assert [run["number"] for run in told("run", "list", "--parameter", "lr:gt:0.3")] == [2]
    assert [run["number"] for run in told("run", "list", "--filter", "number=lt:2")] == [1]
    assert [run["number"] for run in told("run", "list", "--filter", "number>=2")] == [2]
    assert [run["number"] for run in told("run", "list", "--sort-by", "asc:number")] == [1, 2]
    assert [run["number"] for run in told("run", "list", "--filter", "number<2")] == [1]
    result = cli("run", "list", "--filter", "nmber=2")
    assert result.exit_code == 1 and "Did you mean 'number'" in result.stderr
    assert cli("run", "list", "--filter", "number").exit_code == 2


def test_every_listing_takes_a_filter_as_text(cli: Cli, told: Told) -> None:
    """--where reads the grammar of Python on every listing, several hold together, and errors point at the place."""
    for lr in ("0.25", "0.5"):
        cli("pipeline", "run", "flow.py:training", "--lr", lr)

    assert [run["number"] for run in told("run", "list", "--where", "parameters.lr > 0.3 or number = 1")] == [2, 1]
    both = ("--where", "status = completed", "--where", "created > -1h and not parameters.lr = 0.5")
    assert [run["number"] for run in told("run", "list", *both)] == [1]
    assert [run["number"] for run in told("run", "list", "--sort", "desc:parameters.lr")] == [2, 1]
    assert [one["version"] for one in told("artifact", "version", "list", "model", "--where", "version = 2")] == ["2"]
    assert [one["name"] for one in told("artifact", "list", "--where", "name startswith num")] == ["numbers"]
    assert [one["name"] for one in told("pipeline", "list", "--where", "name != training")] == []
    result = cli("run", "list", "--where", "status = completed and lr > 3")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-2:] == ["  status = completed and lr > 3", "                         ^"]
    assert cli("run", "delete", "--where", "number = 1", "--yes").exit_code == 0
    assert [run["number"] for run in told("run", "list")] == [2]


def test_a_step_shows_what_it_took_and_made(cli: Cli, told: Told) -> None:
    """`step show` gives parameters, inputs and outputs; `step logs` and `run logs` what was printed."""
    cli("pipeline", "run", "flow.py:training")
    step = told("step", "show", "training/latest/train")
    assert step["parameters"] == {"lr": 0.5}
    assert step["inputs"][0]["artifact"] == "artifact:numbers@1"
    assert step["outputs"][0]["artifact"] == "artifact:model@1"
    assert cli("step", "logs", "training/1/load").stdout == "loading 3\n"
    assert cli("run", "logs", "latest").stdout == "[load] loading 3\n"


def test_explain_says_what_changed(cli: Cli, told: Told) -> None:
    """A rerun names the parameter that changed; a cached step names where it came from."""
    cli("pipeline", "run", "flow.py:training")
    cli("pipeline", "run", "flow.py:training")
    cli("pipeline", "run", "flow.py:training", "--lr", "0.25")
    assert "training/1/train" in cli("explain", "training/2/train").stdout
    explained = told("explain", "training/3/train")
    assert explained["compared"] == "training/1/train"
    assert [(one["kind"], one["name"]) for one in explained["differences"]] == [("parameter", "lr")]
    assert "parameter lr: 0.5 -> 0.25" in cli("explain", "training/latest/train").stdout


def test_explain_shows_a_change_of_code_as_a_diff(cli: Cli, told: Told, flow: Path) -> None:
    """After an edit, explain names the function and shows the lines that changed."""
    cli("pipeline", "run", "flow.py:training")
    flow.write_text(flow.read_text(encoding="utf-8").replace("sum(data) * lr", "sum(data) + lr"), encoding="utf-8")
    cli("pipeline", "run", "flow.py:training")
    (change,) = told("explain", "training/2/train")["differences"]
    assert change["kind"] == "code" and change["name"].endswith("train")
    text = cli("explain", "training/2/train").stdout
    assert "-    return {'weight': sum(data) * lr}" in text
    assert "+    return {'weight': sum(data) + lr}" in text
    assert told("step", "show", "training/2/load")["status"] == "cached"


def test_a_script_is_compiled_at_every_start(cli: Cli, told: Told, flow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit within the same second that keeps the size is seen: no bytecode of a script is kept."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    cli("pipeline", "run", "flow.py:training")
    times = flow.stat()
    flow.write_text(flow.read_text(encoding="utf-8").replace("sum(data) * lr", "sum(data) + lr"), encoding="utf-8")
    os.utime(flow, ns=(times.st_atime_ns, times.st_mtime_ns))
    cli("pipeline", "run", "flow.py:training")

    assert told("step", "show", "training/2/train")["status"] == "completed"
    assert not (flow.parent / "__pycache__").exists()


@pytest.mark.parametrize("target", ["broken.py:training", "broken:training"])
def test_a_script_that_raises_on_import_shows_where(cli: Cli, flow: Path, target: str) -> None:
    """Its own lines are the traceback, without those of the importing; the last line names the file and the error."""
    flow.with_name("broken.py").write_text("x = 1\ny = x / 0\n", encoding="utf-8")
    result = cli("pipeline", "run", target)

    assert result.exit_code == 1
    assert "y = x / 0" in result.stderr and "importlib" not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: broken") and last.endswith("since it raises: ZeroDivisionError: division by zero")


def test_artifacts_are_shown_and_downloaded(cli: Cli, told: Told, tmp_path: Path) -> None:
    """A version is found by name, name@version and pathspec, and its files are written where asked."""
    cli("pipeline", "run", "flow.py:training")
    for reference in ("model", "model@1", "artifact:model@1", "training/1/train/0/model"):
        assert told("artifact", "show", reference)["producer"] == "training/1/train"
    assert cli("artifact", "download", "model", "out").stdout == "out\n"
    assert json.loads((tmp_path / "out" / "model.json").read_text(encoding="utf-8")) == {"weight": 1.5}
    again = cli("artifact", "download", "model", "out")
    assert again.exit_code == 1 and "already there" in again.stderr


def test_deleting_asks_or_refuses(cli: Cli, told: Told) -> None:
    """Without a terminal and without --yes nothing is deleted; with --yes it is."""
    cli("pipeline", "run", "flow.py:training")
    refused = cli("run", "delete", "training/1")
    assert refused.exit_code == 1 and "--yes" in refused.stderr
    assert len(told("run", "list")) == 1
    assert cli("run", "delete", "training/1", "-y").exit_code == 0
    assert told("run", "list") == []


@pytest.mark.parametrize(
    "words",
    ["run show nothing/1", "step show a/b/c", "artifact show x", "pipeline show x", "explain x", "run show a//b"],
)
def test_what_is_absent_is_one_line(cli: Cli, words: str) -> None:
    """Whatever runlore raises is a line that starts with Error and exit code 1, never a traceback."""
    result = cli(*words.split())
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1


def test_a_wrong_kind_of_thing_says_what_was_expected(cli: Cli) -> None:
    """A pipeline where a run is wanted, or a run where a step is wanted, is an error with an example."""
    cli("pipeline", "run", "flow.py:training")
    assert "names a pipeline, not a run" in cli("run", "show", "training").stderr
    assert "names a run, not a step" in cli("step", "show", "training/1").stderr


def test_unknown_commands_are_suggested(cli: Cli) -> None:
    """A mistyped command exits with 2 and says what was probably meant."""
    result = cli("pipelin", "list")
    assert result.exit_code == 2 and "Did you mean 'pipeline'" in result.stderr


def test_status_and_check(cli: Cli, told: Told, home: Path) -> None:
    """status says where the record is, why, and what it holds; check is clean after a run."""
    cli("pipeline", "run", "flow.py:training")
    status = told("status")
    assert status["home"] == str(home) and (status["runs"], status["versions"]) == (1, 2)
    result = cli("check")
    assert result.exit_code == 0 and result.stdout == ""


def test_check_finds_damaged_bytes(cli: Cli, told: Told, home: Path, flow: Path) -> None:
    """A flipped byte in a blob is found by hashing, whatever its times say, and check exits with 1."""
    big = "from runlore import pipeline, step\n@step\ndef make() -> str:\n    return 'x' * 100_000\n"
    flow.with_name("big.py").write_text(big + "@pipeline\ndef big():\n    make()\n", encoding="utf-8")
    assert cli("pipeline", "run", "big.py:big").exit_code == 0
    blob = max((path for path in (home / "blobs").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = bytearray(blob.read_bytes())
    data[50] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(data)
    result = cli("check", "--json")
    assert result.exit_code == 1
    assert [finding["rule"] for finding in json.loads(result.stdout)] == ["blob-damaged"]


def test_init_makes_a_record_that_is_used_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    """init makes .runlore/ with an ignore file; twice is harmless; it is in use unless another one was chosen."""
    folder = tmp_path / "project"
    (folder / "below").mkdir(parents=True)
    monkeypatch.chdir(folder)
    chosen = cli("init")
    assert chosen.exit_code == 0 and "not in use" in chosen.stderr
    assert (folder / ".runlore" / ".gitignore").read_text(encoding="utf-8").startswith("*\n")
    monkeypatch.delenv("RUNLORE_HOME")
    monkeypatch.chdir(folder / "below")
    assert json.loads(cli("status", "--json").stdout)["home"] == str(folder / ".runlore")
    monkeypatch.chdir(folder)
    assert "already" in cli("init").stderr


def test_help_imports_nothing_heavy() -> None:
    """`runlore --help` needs neither numpy nor pandas nor rich nor cloudpickle."""
    code = (
        "import sys\nfrom runlore.show.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'rich', 'cloudpickle', 'pyarrow', 'sqlite3'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("group", ["run", "step", "artifact", "pipeline"])
def test_a_group_is_described_by_all_its_commands(group: str) -> None:
    """The line that says what a group is for names each of its commands."""
    found = main.get_command(click.Context(main), group)
    assert isinstance(found, click.Group)
    said = (found.help or "").replace("aliases", "alias").replace("versions", "version").rstrip(".").split(": ")[1]
    assert sorted(said.split(", ")) == sorted(found.list_commands(click.Context(found)))


def test_every_command_has_help(cli: Cli) -> None:
    """Each command and group answers --help with its own text."""
    words = ["", "init", "status", "check", "explain", "pipeline", "pipeline list", "pipeline show", "pipeline run"]
    words += ["pipeline runs", "pipeline runs list", "run", "run list", "run show", "run logs", "run delete", "step"]
    words += ["step show", "step logs", "artifact", "artifact list", "artifact show", "artifact version"]
    words += ["artifact version list", "artifact download", "artifact alias"]
    for command in words:
        result = cli(*command.split(), "--help")
        assert result.exit_code == 0 and "Usage: runlore" in result.stdout, command


@pytest.mark.parametrize("run", ["1", "latest", "latest-successful", "one", "training/1", "training/latest"])
def test_a_run_is_named_the_same_way_everywhere(cli: Cli, told: Told, run: str) -> None:
    """Whatever names a run alone, while that is unambiguous, names it before a step, a task and an output, too."""
    cli("pipeline", "run", "--run-name", "one", "flow.py:training")

    assert told("run", "show", run)["run"] == "training/1"
    assert told("step", "show", f"{run}/train")["pathspec"] == "training/1/train"
    assert told("step", "show", f"{run}/train/0")["pathspec"] == "training/1/train/0"
    assert cli("step", "logs", f"{run}/load").stdout == "loading 3\n"
    assert cli("run", "logs", run).stdout == "[load] loading 3\n"
    assert told("explain", f"{run}/train")["step"] == "training/1/train"
    assert told("artifact", "show", f"{run}/train/0/model")["artifact"] == "model"


def test_a_number_that_fits_several_runs_lists_them(cli: Cli) -> None:
    """With runs of the same number in two pipelines, each command refuses the number alone and says what fits."""
    cli("pipeline", "run", "flow.py:training")
    cli("pipeline", "run", "flow.py:typed", "--count", "1")
    for words in ("run show 1", "run logs 1", "step show 1/train", "explain 1/train", "artifact show 1/train/0/model"):
        result = cli(*words.split())
        assert result.exit_code == 1 and "training/1" in result.stderr and "typed/1" in result.stderr, words


def test_an_error_of_runlore_in_a_step_names_the_step(cli: Cli, flow: Path) -> None:
    """What is refused while a pipeline runs is one line that says in which step of which run."""
    flow.write_text(
        "from runlore import pipeline, step\n@step\ndef make() -> int:\n    return 'x'\n"
        "@pipeline\ndef making():\n    make()\n",
        encoding="utf-8",
    )
    result = cli("pipeline", "run", "flow.py")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert "expected int, got str 'x' (raised by step 'make' of run 'making-" in result.stderr


def test_an_interrupt_cancels_the_run(cli: Cli, told: Told, flow: Path) -> None:
    """Ctrl-C while a step runs ends with exit code 130 and one word, and the run is cancelled."""
    flow.write_text(
        "from runlore import pipeline, step\n@step\ndef wait() -> int:\n    raise KeyboardInterrupt\n"
        "@pipeline\ndef waiting():\n    wait()\n",
        encoding="utf-8",
    )
    result = cli("pipeline", "run", "flow.py")
    assert result.exit_code == 130
    assert result.stderr == "Cancelled.\n"
    assert told("run", "show", "1")["status"] == "cancelled"


def test_columns_align_whatever_the_script(cli: Cli, flow: Path) -> None:
    """Wide and joining characters take as many columns as a terminal gives them, and a table keeps to its width."""
    names = ["plain", "数据" * 30, "e\u0301te\u0301", "\N{PARTY POPPER}", "مرحبا", "x" * 200]
    rows = [
        [name, "completed", "2026-11-24 16:42:29", "a note that is rather long, longer than there is room for"]
        for name in names
    ]
    lines = list(table_lines(["NAME", "STATUS", "CREATED", "NOTE"], rows, 80))

    assert {columns_of(line) for line in lines[1:]} == {80}
    assert {columns_of(line.partition("completed")[0]) for line in lines[1:]} == {
        columns_of(lines[0].partition("STATUS")[0])
    }
    assert lines[2].startswith("数据数据") and "…" in lines[2]


def test_nothing_is_coloured_without_a_terminal(cli: Cli) -> None:
    """What goes to a file or a pipe holds no control sequences, help and progress included."""
    for words in ("--help", "pipeline run flow.py:training", "run list", "run show 1", "explain 1/train", "nosuch"):
        result = cli(*words.split())
        assert "\x1b" not in result.stdout + result.stderr, words


def documented_keys() -> dict[str, list[str]]:
    """Command → the keys that docs/reference/commands.md lists."""
    page = (Path(__file__).parents[3] / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    found = {}
    for line in page.split("## JSON")[1].split("##")[0].splitlines():
        cells = line.split("|")
        for command in cells[1].split(",") if len(cells) == 4 else ():
            found[command.strip(" `")] = [key.strip(" `") for key in cells[2].split(",")]
    return {**found, "pipeline runs list": found["run list"]}


def test_json_has_the_keys_that_the_reference_lists(cli: Cli, told: Told) -> None:
    """The keys of each listing are those of docs/reference/commands.md, and a limited one says so on stderr."""
    documented = documented_keys()
    for _ in range(2):
        cli("pipeline", "run", "flow.py:training")
    cli("artifact", "alias", "model", "best", "1")

    listings = ["run list", "pipeline runs list", "pipeline list", "artifact list", "artifact version list"]
    for command in (*listings, "artifact alias model", "run logs training/1", "step logs training/1/load"):
        given = list(dict.fromkeys(key.split(".")[0] + "." * ("." in key) for key in told(*command.split())[0]))
        words = command.split()
        keys = documented.get(command) or documented[" ".join(words[:2])]
        assert given == [key.rstrip("…") for key in keys if key != "metadata.…"], command
    limited = cli("run", "list", "--limit", "1", "--json")
    assert len(json.loads(limited.stdout)) == 1 and "and 1 more" in limited.stderr


@pytest.mark.parametrize(
    "command",
    ["run show training/1", "pipeline show training", "step show training/1/train", "artifact show model", "status"],
)
def test_what_is_shown_has_the_keys_that_the_reference_lists(cli: Cli, told: Told, command: str) -> None:
    """The object that a command prints for one thing has the keys of docs/reference/commands.md, times with a zone."""
    cli("pipeline", "run", "flow.py:training")
    words = command.split()
    shown = told(*words)

    assert sorted(shown) == sorted(documented_keys()[" ".join(words[: 1 if command == "status" else 2])])
    times = [shown[key] for key in ("created", "started", "ended") if key in shown]
    assert all(datetime.fromisoformat(time).tzinfo is not None for time in times)


def test_exit_codes_are_those_of_the_reference(cli: Cli) -> None:
    """0 for done or nothing that fits, 1 for what could not be done, 2 for a wrong command line."""
    codes = {
        words: cli(*words.split()).exit_code for words in ("run list", "status", "run show 9", "rn", "run list --x")
    }

    assert codes == {"run list": 0, "status": 0, "run show 9": 1, "rn": 2, "run list --x": 2}


def test_a_file_that_ran_as_a_script_did_not_change(cli: Cli, told: Told, flow: Path) -> None:
    """After `python flow.py`, the same code run by the command line differs in its parameter only."""
    script = flow.with_name("script.py")
    script.write_text(flow.read_text(encoding="utf-8") + "\ntraining(lr=0.6)\n", encoding="utf-8")
    subprocess.run([sys.executable, script], check=True)
    cli("pipeline", "run", "flow.py:training", "--lr", "0.7")

    explained = told("explain", "2/train")
    assert explained["compared"] == "training/1/train"
    assert [(one["kind"], one["name"]) for one in explained["differences"]] == [("parameter", "lr")]


#: Commands that print no facts: they make or change something, or print text that has a form of its own.
WITHOUT_JSON = {
    "init", "completion", "run delete", "run export", "run report", "artifact download",
    "artifact visualize",
}  # fmt: skip


def commands_below(group: click.Group, words: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        called = f"{words} {name}".strip()
        if isinstance(command, click.Group):
            yield from commands_below(command, called)
        else:
            yield called, command


def test_every_command_that_tells_something_has_json() -> None:
    """Whatever lists or shows what is recorded has --json, spelt the same everywhere."""
    without = {
        words
        for words, command in commands_below(main)
        if not any(option.opts == ["--json"] for option in command.params)
    }

    assert without == WITHOUT_JSON
