"""``runlore run compare``: side by side, what differs, in 80 columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Cli = Callable[..., Result]
Told = Callable[..., Any]


@pytest.fixture
def trained(cli: Cli) -> None:
    """Two runs of the script's pipeline that differ in a parameter."""
    for lr in ("0.5", "0.25"):
        assert cli("pipeline", "run", "flow.py:training", "--lr", lr).exit_code == 0


@pytest.mark.usefixtures("trained")
def test_runs_stand_side_by_side(cli: Cli) -> None:
    """Each run has a column; only what differs is shown, how much is the same is said, and nothing is too wide."""
    lines = cli("run", "compare", "training/1", "training/2").stdout.splitlines()

    assert lines[0].split() == ["training/1", "training/2"]
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert rows["lr"] == ["0.5", "0.25"] and rows["load"][-1] == "training/1" and "n" not in rows
    assert "other rows are the same in all." in lines[-1]
    assert max(map(len, lines)) <= 80
    assert not any(line.startswith(("Code", "Packages", "Environment")) for line in lines)


@pytest.mark.usefixtures("trained")
def test_all_shows_what_is_the_same_too(cli: Cli) -> None:
    """--all shows every row, and then has nothing to count."""
    text = cli("run", "compare", "training/1", "training/2", "--all").stdout

    assert "Packages" in text and "python" in text and "the same in all" not in text


def test_equal_runs_say_so(cli: Cli) -> None:
    """A run does not differ from itself."""
    assert cli("pipeline", "run", "flow.py:training").exit_code == 0

    found = cli("run", "compare", "training/1", "training/latest")

    assert found.stdout.splitlines()[-1] == "Nothing differs between training/1 and training/1 but times."
    assert found.exit_code == 0


def test_code_shows_the_lines_that_differ(cli: Cli, flow: Path) -> None:
    """Without --code it is said what differs in how many lines, with it they are shown."""
    assert cli("pipeline", "run", "flow.py:training").exit_code == 0
    flow.write_text(flow.read_text("utf-8").replace("sum(data) * lr", "sum(data) + lr"), encoding="utf-8")
    assert cli("pipeline", "run", "flow.py:training").exit_code == 0

    short = cli("run", "compare", "training/1", "training/2").stdout
    whole = cli("run", "compare", "training/1", "training/2", "--code").stdout

    assert ".train (+1 -1)" in short and "sum(data) + lr" not in short
    assert "+    return {'weight': sum(data) + lr}" in whole
    assert "file flow.py (+1 -1)" in whole and '-    return {"weight": sum(data) * lr}' in whole


@pytest.mark.usefixtures("trained")
def test_json_tells_all_of_it(told: Told) -> None:
    """--json gives every row with the values of each run, and whether it differs."""
    found = told("run", "compare", "training/1", "training/2")

    assert found["runs"] == ["training/1", "training/2"] and found["changed"] is True and found["code"] == []
    rows = {row["name"]: row for row in found["sections"]["parameters"]}
    assert rows["lr"] == {"name": "lr", "values": [0.5, 0.25], "changed": True} and rows["n"]["changed"] is False


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("runs", "code", "said"),
    [
        (["training/1"], 2, "Name two or more runs"),
        ([], 2, "Missing argument"),
        (["training/1", "training/7"], 1, "There is no run '7'"),
        (["training/1", "training"], 1, "names a pipeline, not a run"),
    ],
)
def test_fewer_than_two_runs_cannot_be_compared(cli: Cli, runs: list[str], code: int, said: str) -> None:
    """One run, none, or what is none, is an error that says what to do."""
    result = cli("run", "compare", *runs)
    assert result.exit_code == code and said in " ".join(result.stderr.split())
