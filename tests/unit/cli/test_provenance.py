"""What the command line tells of triggers and of logs that were taken over."""

from __future__ import annotations

import json
from collections.abc import Callable

from click.testing import Result


def test_a_run_is_told_what_starts_it(cli: Callable[..., Result]) -> None:
    """``--trigger`` names events, ``run show`` names them, and ``--json`` gives them whole."""
    started = cli("pipeline", "run", "--trigger", "data_ready", "--trigger", "asked", "flow.py:training")
    assert started.exit_code == 0, started.output

    shown = cli("run", "show", "training/1").output
    (line,) = [line for line in shown.splitlines() if line.startswith("trigger")]
    assert line.split(None, 1)[1] == "data_ready, asked"
    told = json.loads(cli("run", "show", "training/1", "--json").stdout)["trigger"]
    assert [(event["name"], event["type"]) for event in told] == [("data_ready", "event"), ("asked", "event")]
    cli("pipeline", "run", "--no-cache", "flow.py:training")
    assert "trigger" not in cli("run", "show", "training/2").output
    listed = json.loads(cli("run", "list", "--tag", "trigger:event:asked", "--json").stdout)
    assert [run["number"] for run in listed] == [1]


def test_logs_that_were_taken_over_say_from_where(cli: Callable[..., Result]) -> None:
    """The log of a cached step is that of its origin, whose pathspec stands before each line."""
    for _ in range(2):
        cli("pipeline", "run", "flow.py:training")

    assert cli("run", "logs", "training/1").stdout == "[load] loading 3\n"
    assert cli("run", "logs", "training/2").stdout == "[load from training/1/load/0] loading 3\n"
    (line,) = json.loads(cli("run", "logs", "training/2", "--json").stdout)
    assert (line["step"], line["text"], line["origin"]) == ("load", "loading 3", "training/1/load/0")

    shown = cli("step", "logs", "training/2/load")
    assert shown.stdout == "loading 3\n"
    assert shown.stderr == "Written by training/1/load, whose result was taken over.\n"
    (line,) = json.loads(cli("step", "logs", "training/2/load/0", "--json").stdout)
    assert line["origin"] == "training/1/load/0"
    assert json.loads(cli("step", "show", "training/2/load", "--json").stdout)["origin"] == "training/1/load"
    assert "origin" not in cli("step", "show", "training/1/load").output
