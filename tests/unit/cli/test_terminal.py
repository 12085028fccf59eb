"""The command line on a terminal: its width, colours and times; and what a pipe gets instead."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from runlore.model.units import shown_age
from runlore.show.cli.table import columns_of, shortened, table_lines
from runlore.show.cli.tree import folded

Terminal = Callable[..., str]
Cli = Callable[..., Result]

LONG = "a pipeline with a rather long name as some people give to theirs without thinking of tables"
FLOW = f"""
from typing import Annotated
from runlore import pipeline, step, log_metadata

@step
def make() -> Annotated[int, "{LONG} and its number"]:
    print("\\x1b[31mred\\x1b[0m \\x1b[2Jgone\\ttab")
    log_metadata({{"note": "word " * 40}})
    return 1

@pipeline(name="{LONG}")
def making():
    return make()
"""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def long_names(cli: Cli, flow: Path) -> None:
    """A run whose pipeline, artifact and metadata are longer than a line."""
    (flow.parent / "long.py").write_text(FLOW, encoding="utf-8")
    assert cli("pipeline", "run", "long.py").exit_code == 0


@pytest.mark.parametrize("columns", [80, 60])
def test_nothing_wraps(long_names: None, terminal: Terminal, columns: int) -> None:
    """Whatever is listed or shown keeps to the width of the terminal, and tables show how long names end."""
    listed = terminal("run", "list", columns=columns)
    for shown in (listed, terminal("step", "show", f"{LONG}/1/make", columns=columns)):
        lines = COLOUR.sub("", shown).splitlines()
        assert lines and max(map(len, lines)) <= columns
    assert re.search("a pipeline with.*….*bles/1 ", listed)


def test_a_wide_terminal_is_used(long_names: None, terminal: Terminal) -> None:
    """With room for everything nothing is shortened."""
    shown = terminal("run", "list", columns=250)

    assert f"{LONG}/1" in shown and "…" not in shown


def test_a_pipe_gets_everything(long_names: None, cli: Cli) -> None:
    """Without a terminal nothing is shortened or left out, whatever COLUMNS says, and times are written out."""
    lines = cli("run", "list").stdout.splitlines()

    assert lines[0].split() == ["RUN", "NAME", "STATUS", "CREATED", "TOOK"]
    assert lines[1].startswith(f"{LONG}/1  ")
    assert re.search(r" \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", lines[1])


def test_what_is_shown_can_be_given_back(cli: Cli) -> None:
    """Pathspecs in tables name the same thing to the commands that show one."""
    cli("pipeline", "run", "flow.py:training")
    run = cli("run", "list").stdout.splitlines()[1].split()[0]
    assert cli("run", "show", run).stdout.splitlines()[0].split() == ["run", run]
    step = cli("step", "show", f"{run}/train").stdout
    for artifact in re.findall(r"artifact:\S+", step):
        assert cli("artifact", "show", artifact).exit_code == 0, artifact
    (producer,) = re.findall(r"producer +(\S+)", cli("artifact", "show", "model").stdout)
    assert cli("step", "show", producer).exit_code == 0


def test_a_status_has_a_colour_unless_told_otherwise(cli: Cli, terminal: Terminal) -> None:
    """On a terminal a status is coloured; with NO_COLOR, or on one that knows no colours, nothing is."""
    cli("pipeline", "run", "flow.py:training")

    assert "\x1b[32mcompleted" in terminal("run", "list")
    assert "\x1b" not in terminal("run", "list", NO_COLOR="1")
    assert "\x1b" not in terminal("run", "show", "training/1", TERM="dumb")


def test_a_log_cannot_steer_the_terminal(long_names: None, terminal: Terminal, cli: Cli) -> None:
    """Colours and tabs of log lines pass, whatever else is an escape is shown as one; a pipe gets text alone."""
    shown = terminal("step", "logs", f"{LONG}/1/make")
    assert shown == "\x1b[31mred\x1b[0m \\x1b[2Jgone\ttab\n"
    assert terminal("step", "logs", f"{LONG}/1/make", NO_COLOR="1") == "red \\x1b[2Jgone\ttab\n"
    assert cli("step", "logs", f"{LONG}/1/make").stdout == "red gone\ttab\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
def test_a_reader_that_has_enough_ends_it_quietly(cli: Cli, home: Path) -> None:
    """When whoever reads goes away, as `head` does, the program says nothing."""
    for _ in range(3):
        cli("pipeline", "run", "flow.py:training")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "runlore", "run", "list", "--json"], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)

    assert done.stderr == ""


def test_a_tree_is_folded_within_its_branches() -> None:
    """A line of a tree that is too long goes on below itself, with the branches beside it; names stay whole."""
    tree = "top\n├ one two three four\n│ └ artifact:long@1 made by training/1\n└ last"

    assert list(folded(tree, 16)) == [
        "top",
        "├ one two three",
        "│     four",
        "│ └ artifact:long@1",
        "│       made by",
        "│       training/1",
        "└ last",
    ]
    assert list(folded(tree, None)) == tree.split("\n")


TEXTS = st.text(st.sampled_from("ab 数é\u0301…/1"), max_size=40)


@given(st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=4), st.integers(20, 90))
def test_a_table_is_never_too_wide(cells: list[list[str]], room: int) -> None:
    """Any texts fit any width, and each row is there."""
    lines = list(table_lines(["NAME", "STATUS", "NOTE"], cells, room))

    assert len(lines) == len(cells) + 1
    assert max(map(columns_of, lines)) <= room


@given(TEXTS, st.integers(3, 50))
def test_a_shortened_text_keeps_both_ends(text: str, size: int) -> None:
    """What fits stays; of the rest the beginning and the end stay, as much as there is room for."""
    short = shortened(text, size)

    assert columns_of(short) <= size
    if columns_of(text) <= size:
        assert short == text
    else:
        head, tail = next(
            (short[:i], short[i + 1 :])
            for i, c in enumerate(short)
            if c == "…" and text.startswith(short[:i]) and text.endswith(short[i + 1 :])
        )
        assert columns_of(head) + columns_of(tail) >= size - 4


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=0.4), "now"),
        (timedelta(seconds=59), "59s ago"),
        (timedelta(seconds=60), "1m ago"),
        (timedelta(hours=23, minutes=59), "23h ago"),
        (timedelta(days=6, hours=23), "6d ago"),
        (timedelta(days=7), "2026-11-17"),
        (timedelta(days=-1), "2026-11-25"),
        (timedelta(seconds=-0.5), "now"),
    ],
)
def test_ages(ago: timedelta, said: str) -> None:
    """A time of the last week is an age in its largest unit, rounded down; any other is a date."""
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    assert shown_age(now - ago, now) == said
