"""Following a run from another process: its log as it comes, and what it looks like meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from runlore.record.memory import MemoryRecord
from runlore.show.cli.run import in_view
from runlore.show.cli.watch import newest_event, watch
from runlore.testing.record_stories import END, begun, done

Cli = Callable[..., Result]
RUNLORE = [sys.executable, "-m", "runlore"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="named pipes and interrupts are different there")

FLOW = """
import logging, sys
from runlore import pipeline, step

@step
def wait() -> int:
    print("began")
    print("careful", file=sys.stderr)
    logging.getLogger("story").warning("noted")
    sys.stdout.flush()
    with open("gate") as gate:  # a pipe: until somebody opens its other end
        print(gate.read())
    return 1

@pipeline
def waiting():
    wait()
"""


class Live:
    """A run that goes on in another process until it is let go."""

    def __init__(self, folder: Path) -> None:
        self.gate = folder / "gate"
        os.mkfifo(self.gate)
        (folder / "live.py").write_text(FLOW, encoding="utf-8")
        self.process = subprocess.Popen([*RUNLORE, "pipeline", "run", "live.py"], stdout=subprocess.DEVNULL)

    def let_go(self, word: str = "ended") -> None:
        """Let the step go on, which prints this."""
        self.gate.write_text(word)


@pytest.fixture
def live(flow: Path) -> Iterator[Live]:
    """A run whose only step waits."""
    made = Live(flow.parent)
    yield made
    made.process.kill()
    made.process.wait()


@pytest.fixture
def began(live: Live, home: Path) -> None:
    """Return when the run is there."""
    while not (home / "record.db").is_file() or not told("run", "list"):
        assert live.process.poll() is None


def told(*words: str) -> Any:
    done = subprocess.run([*RUNLORE, *words, "--json"], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def following(*words: str) -> subprocess.Popen[str]:
    """The program, following the log."""
    command = [*RUNLORE, "run", "logs", "waiting/latest", "-f", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_lines_come_as_they_are_written(live: Live, began: None) -> None:
    """What a running step wrote is printed before it has ended, the rest when it comes, and with the run it ends."""
    with following() as follower:
        assert follower.stdout is not None
        first = [follower.stdout.readline() for _ in range(3)]
        live.let_go()
        rest = follower.stdout.read()

    assert first == ["[wait] began\n", "[wait] careful\n", "[wait] WARNING story: noted\n"]
    assert rest == "[wait] ended\n" and follower.returncode == 0


def test_ctrl_c_ends_following_quietly(live: Live, began: None) -> None:
    """It exits with 130 and says nothing, and the run goes on."""
    with following("wait", "--json") as follower:
        assert follower.stdout is not None and follower.stderr is not None
        line = json.loads(follower.stdout.readline())
        follower.send_signal(signal.SIGINT)
        said = follower.stderr.read()

    assert (line["text"], line["stream"]) == ("began", "stdout")
    assert said == "" and follower.returncode == 130
    live.let_go()
    assert live.process.wait() == 0


def test_a_run_is_watched_until_it_ends(live: Live, began: None, terminal: Callable[..., str]) -> None:
    """`run show --watch` shows it running, and when it has ended shows that and ends."""
    live.let_go()
    shown = terminal("run", "show", "waiting/latest", "--watch", NO_COLOR="1")

    assert re.search(r"status +completed", shown)
    assert re.search(r"wait +completed", shown)


def test_a_picture_is_drawn_when_something_has_happened(capsys: pytest.CaptureFixture[str]) -> None:
    """Between two looks the record is asked for events only; the end is the last picture."""
    record = MemoryRecord()
    run, fence = begun(record)
    looks: list[str] = []
    waits: list[float] = []

    def lines() -> list[str]:
        looks.append(str(record.run(run.seq).status))
        return [looks[-1]]

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            record.commit([END], fence=fence)

    watch(record, lines, lambda: record.run(run.seq).status.finished, sleep=sleep)
    assert looks == ["running", "completed"] and len(waits) == 2
    assert "completed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ended", "most", "seen"),
    [
        (0, 3, [0, 1, 2]),
        (4, 3, [3, 4, 5]),
        (9, 3, [7, 8, 9]),
        (10, 3, [7, 8, 9]),
        (5, 1, [5]),
        (5, -4, [5]),
        (5, 99, [*range(10)]),
    ],
)
def test_of_many_steps_those_that_run_are_watched(ended: int, most: int, seen: list[int]) -> None:
    """Where there is no room for all steps, the first that has not ended is seen, and what surrounds it."""
    steps = [{"at": at, "status": "completed" if at < ended else "pending"} for at in range(10)]

    assert [step["at"] for step in in_view(steps, most)] == seen


def test_what_was_logged_is_chosen(cli: Cli, flow: Path) -> None:
    """By stream, from the end, with times, of one step; two streams at once, or an unknown step, are errors."""
    (flow.parent / "live.py").write_text(
        FLOW.replace('    with open("gate") as gate:', "    if True:").replace("print(gate.read())", 'print("ended")'),
        encoding="utf-8",
    )
    assert cli("pipeline", "run", "live.py").exit_code == 0

    def lines(*words: str) -> list[str]:
        return cli("run", "logs", "waiting/1", *words).stdout.splitlines()

    assert lines("--stderr") == ["[wait] careful"] and lines("wait", "--logging") == ["WARNING story: noted"]
    assert lines("--tail", "1") == lines("--tail", "1", "-f") == ["[wait] ended"]
    assert lines("--tail", "0") == [] and len(lines("-f")) == 4 == len(lines("--tail", "9"))
    assert lines("-f", "--stdout") == ["[wait] began", "[wait] ended"]
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[wait\] careful", lines("--timestamps", "--stderr")[0]
    )
    assert cli("step", "logs", "waiting/1/wait", "--attempt", "0", "--stdout").stdout == "began\nended\n"
    assert cli("run", "logs", "waiting/1", "--stdout", "--stderr").exit_code == 2
    refused = cli("run", "logs", "waiting/1", "wiat")
    assert refused.exit_code == 1 and "Did you mean 'wait'" in refused.stderr


def test_watching_needs_a_terminal(cli: Cli) -> None:
    """Without one, and with --json, it is refused before anything is shown, and it is said what there is instead."""
    cli("pipeline", "run", "flow.py:training")
    for words in ("run list --watch", "run show training/1 --watch"):
        refused = cli(*words.split())
        assert refused.exit_code == 2 and "logs RUN -f" in refused.stderr and refused.stdout == ""
    assert "exclude each other" in cli("run", "list", "--watch", "--json").stderr


@pytest.mark.parametrize("runs", [0, 1, 2, 3, 7])
def test_the_newest_event_is_found_by_a_few_questions(runs: int) -> None:
    """However many events there are, as many questions as its number has bits find the last, twice over."""
    record = MemoryRecord()
    for _ in range(runs):
        done(record)
    last = len(record.events())
    asked = []
    ask = record.events
    record.events = lambda *given: asked.append(given) or ask(*given)  # type: ignore[method-assign,func-returns-value]

    assert newest_event(record) == last
    assert len(asked) <= 2 * last.bit_length() + 2
