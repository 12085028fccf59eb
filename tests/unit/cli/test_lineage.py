"""``runlore lineage``: what it prints in which form, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Cli = Callable[..., Result]
Told = Callable[..., Any]


@pytest.fixture
def trained(cli: Cli) -> None:
    """Two runs of the script's pipeline, the second half cached."""
    for lr in ("0.5", "0.25"):
        assert cli("pipeline", "run", "flow.py:training", "--lr", lr).exit_code == 0


@pytest.mark.usefixtures("trained")
def test_a_tree_goes_up_and_down(cli: Cli) -> None:
    """Without options both directions are shown as a tree; --up and --down choose one."""
    up = ["└ made by training/2/train", "  └ data: artifact:numbers@1, made by training/1/load"]
    down = ["├ taken as data by training/2/train → model: artifact:model@2"]
    down += ["└ taken as data by training/1/train → model: artifact:model@1"]

    both = cli("lineage", "artifact:model@2")
    assert both.stdout.splitlines() == ["artifact:model@2", "made from:", *up, "went into:", "└ nothing so far"]
    assert both.stderr == ""
    assert cli("lineage", "artifact:model", "--up").stdout.splitlines() == ["artifact:model@2", *up]
    assert cli("lineage", "artifact:numbers@1", "--down").stdout.splitlines() == ["artifact:numbers@1", *down]


@pytest.mark.usefixtures("trained")
def test_runs_steps_and_tasks_have_lineage(cli: Cli) -> None:
    """A pathspec names where lineage begins; a run is all of its steps, cached ones with what served them."""
    assert cli("lineage", "training/2", "--up").stdout.splitlines() == [
        "training/2",
        "├ training/2/load (cached from training/1/load)",
        "└ training/2/train",
        "  └ data: artifact:numbers@1, made by training/1/load",
    ]
    step = cli("lineage", "training/2/load", "--down", "--depth", "0").stdout.splitlines()
    assert step == ["training/2/load", "└ numbers: artifact:numbers@1", "  └ … and what came of it"]
    assert cli("lineage", "training/2/load/0", "--down").exit_code == 0


@pytest.mark.usefixtures("trained")
def test_what_a_tree_names_can_be_asked_about(cli: Cli) -> None:
    """An artifact's mere name is its newest version; an element is named as in trees, and must be there."""
    assert cli("lineage", "numbers", "--up").stdout.splitlines()[0] == "artifact:numbers@1"
    wrong = cli("lineage", "artifact:numbers@1[0]")
    assert wrong.exit_code == 1 and "is not a collection" in wrong.stderr


@pytest.mark.usefixtures("trained")
def test_other_forms_are_for_other_programs(cli: Cli, told: Told) -> None:
    """mermaid, dot and json print just that form; --json is the same as --format json."""
    mermaid = cli("lineage", "artifact:model@1", "--format", "mermaid").stdout
    dot = cli("lineage", "artifact:model@1", "--format", "dot").stdout
    assert mermaid.startswith("flowchart LR\n") and 'n1["artifact:model@1"]' in mermaid
    assert dot.startswith("digraph lineage {\n") and dot.endswith("}\n")
    found = told("lineage", "artifact:model@1")
    assert found == json.loads(cli("lineage", "artifact:model@1", "--format", "json").stdout)
    assert [node["pathspec"] for node in found["nodes"]][:2] == ["artifact:model@1", "training/1/train"]


@pytest.mark.usefixtures("trained")
def test_what_is_not_shown_is_said(cli: Cli) -> None:
    """Bounds leave a mark in the tree and a line on stderr that names the options."""
    some = cli("lineage", "artifact:numbers@1", "--down", "--breadth", "1")
    assert some.stdout.splitlines()[-1] == "└ … and 1 more"
    assert some.stderr == "This is not all of it; see --breadth, --limit.\n"
    assert "more" not in cli("lineage", "artifact:numbers@1", "--down", "--breadth", "0", "--limit", "0").stdout


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["training"], 1, "'training' names a pipeline, which has no lineage of its own"),
        (["artifact:modell@1"], 1, "Did you mean 'model'?"),
        (["artifact:model@7"], 1, "no version '7'"),
        (["modell"], 1, "There is no pipeline or run 'modell'"),
        (["artifact:model@1", "--format", "svg"], 2, "'svg' is not one of 'tree', 'mermaid', 'dot', 'json'"),
        (["artifact:model@1", "--depth", "-1"], 2, "-1 is not in the range"),
        ([], 2, "Missing argument 'REF'"),
    ],
)
def test_what_has_no_lineage_is_refused(cli: Cli, arguments: list[str], code: int, said: str) -> None:
    """A wrong reference says what there is, and a wrong option what is possible."""
    result = cli("lineage", *arguments)
    assert result.exit_code == code and said in " ".join(result.stderr.split())
