"""Steps that fork: the child has nothing to say about its parent's run, whichever way it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runlore.settings import Settings
from runlore.workspace import Workspace

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

SCRIPT = """
import os, sys
from runlore import pipeline, step

def exits():
    sys.exit(0)

def raises():
    raise ValueError("in the child")

def interrupted():
    raise KeyboardInterrupt

def returns():
    return 99

@step
def one() -> int:
    return 1

@step
def forks(x: int) -> int:
    child = os.fork()
    if child == 0:
        return globals()[sys.argv[1]]()
    os.waitpid(child, 0)
    return x + 1

@step
def last(x: int) -> int:
    return x + 1

@pipeline
def forking() -> None:
    one(id="before")
    last(forks(one()))

parent = os.getpid()
try:
    forking()
finally:
    if os.getpid() != parent:
        os._exit(0)
"""


@pytest.mark.parametrize("end", ["exits", "raises", "interrupted", "returns"])
def test_a_child_that_comes_out_of_a_step_records_nothing(tmp_path: Path, end: str) -> None:
    """A forked child that leaves the step's function ends without a word; the parent's run goes on and is whole."""
    script = tmp_path / "forking.py"
    script.write_text(SCRIPT)
    environ = {**os.environ, "RUNLORE_HOME": str(tmp_path / "home"), "RUNLORE_PROGRESS": "quiet"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), end], env=environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr

    workspace = Workspace.open(Settings(home=tmp_path / "home", progress="quiet"))
    try:
        run = workspace.client.get_pipeline("forking").last_run
        assert run.status == "completed"
        assert {name: one.output.load() for name, one in run.steps.items()} == {
            "before": 1, "one": 1, "forks": 2, "last": 3
        }  # fmt: skip
        assert [finding for finding in workspace.record.check() if not finding.harmless] == []
    finally:
        workspace.close()
