"""Explanations as people read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runlore import pipeline, save_artifact, step
from runlore.author.current import use_workspace
from runlore.model.status import Status
from runlore.plan.difference import Difference
from runlore.recall.explanation import Explanation
from runlore.settings import Settings
from runlore.workspace import Workspace

WORK = """
from runlore import load_artifact

RATE = 2
NAMES = ["a name that is rather long, number %d" % number for number in range(6)]

def norm(numbers):
    return sum(abs(number) for number in numbers)

def fit(numbers):
    return norm(numbers) * RATE + len(NAMES)

def load(fraction: float):
    return [1.0, 2.0 * fraction]

def train(numbers, lr: float):
    return fit(numbers) * lr

def compare(score: float):
    return score - load_artifact("base")

def evaluate(text: str):
    return eval(text)
"""


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of the test's own, in force for pipelines."""
    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    with use_workspace(opened):
        save_artifact(1.0, "base")
        yield opened
    opened.close()


@pytest.fixture
def work() -> ModuleType:
    """A project that can be edited in place."""
    module = ModuleType("explained")
    exec(WORK, vars(module))
    return module


def run(work: ModuleType, fraction: float = 1.0, lr: float = 0.1) -> Any:
    """One run of the project's pipeline."""

    @pipeline
    def training(fraction: float, lr: float) -> None:
        score = step(work.train)(step(work.load)(fraction), lr)
        step(work.compare)(score)
        step(work.evaluate)("1 + 1")

    return training(fraction, lr)


def said(run: Any, name: str) -> str:
    """What the explanation of a step says, every line of it narrow enough."""
    text = str(run.steps[name].explain())
    assert max(map(len, text.splitlines())) <= 80
    return text


def test_a_first_run_and_a_cached_one(work: ModuleType) -> None:
    """The first run says so, and the second names the first."""
    first, second = run(work), run(work)

    assert "no earlier run of this pipeline had completed this step" in said(first, "train")
    assert said(second, "train").splitlines()[-1].endswith("training/1/train.")


def test_a_parameter(work: ModuleType) -> None:
    """A changed parameter is shown as it was and as it is."""
    run(work)

    assert said(run(work, lr=0.2), "train").splitlines()[1:] == [
        "  It ran, because something has changed since training/1/train.",
        "    parameter lr: 0.1 -> 0.2",
    ]


def test_an_input_is_named_by_its_versions(work: ModuleType) -> None:
    """A changed input tells which versions the step took then and now."""
    run(work)
    lines = said(run(work, fraction=2.0), "train").splitlines()

    assert lines[2] == "    input numbers:"
    assert lines[3].startswith("      was artifact:training::load::output@1 (")
    assert lines[4].startswith("      is  artifact:training::load::output@2 (")


def test_a_constant_is_shown_in_one_line_from_where_it_differs(work: ModuleType) -> None:
    """A short constant is shown whole, a long one from shortly before the difference."""
    run(work)
    work.RATE = 3
    work.NAMES[5] = "another"
    lines = said(run(work), "train").splitlines()

    assert "    constant explained.RATE: 2 -> 3" in lines
    assert any(line.startswith("      was …") for line in lines)
    assert any(line.startswith("      is  …") and "another" in line for line in lines)


def test_a_helper_two_levels_down_is_a_diff(work: ModuleType) -> None:
    """A changed helper of a helper is shown with the lines that changed, and nothing else is."""
    run(work)
    exec("def norm(numbers):\n    return sum(number ** 2 for number in numbers)", vars(work))
    text = said(run(work), "train")

    assert "    function explained.norm:" in text
    assert "      -" in text
    assert "explained.fit" not in text


def test_what_rules_the_cache_out_is_the_reason(work: ModuleType) -> None:
    """A step that cannot be served says why, in the first run and in every other."""
    for made in (run(work), run(work)):
        text = " ".join(said(made, "evaluate").split())
        assert "not served from the cache, because explained.evaluate calls eval, so the code that runs" in text


def test_a_look_up(work: ModuleType) -> None:
    """A name that means another version now is told with both."""
    run(work)
    save_artifact(2.0, "base")

    assert said(run(work), "compare").splitlines()[2:] == [
        "    artifact 'base' resolved to version 1 then and 2 now",
    ]


def test_a_damaged_result(work: ModuleType, workspace: Workspace) -> None:
    """When the earlier bytes are gone, that is the reason."""

    @pipeline
    def simple() -> None:
        step(work.load)(1.0)

    simple()
    record: Any = workspace.record
    with record._db.writing(durable=False) as cursor:
        cursor.execute("delete from payload")

    assert "its bytes are damaged or gone" in " ".join(said(simple(), "load").split())


def test_a_caching_switch_of_the_run_before(work: ModuleType) -> None:
    """When nothing changed and the run before could serve nobody, its reason is told."""

    @pipeline
    def simple(cache: bool) -> None:
        step(work.load).with_options(enable_cache=cache)(1.0)

    simple(False)
    text = " ".join(said(simple(True), "load").split())

    assert "the result of simple/1/load serves nobody, because caching is off for this step" in text


def test_a_package_and_things_that_come_and_go() -> None:
    """Versions of packages are a pair; what is new or gone says so."""
    explanation = Explanation(
        step="training/2/train",
        status=Status.COMPLETED,
        reason="It ran, because something has changed since training/1/train.",
        compared="training/1/train",
        differences=(
            Difference(kind="version", name="numpy", old="2.1.0", new="2.2.0"),
            Difference(kind="parameter", name="lr", old=None, new="0.1"),
            Difference(
                kind="code", name="work.f", old="def f(): pass", new=None, diff="-def f(): pass", part="function"
            ),
        ),
    )

    assert str(explanation).splitlines()[2:] == [
        "    package numpy: 2.1.0 -> 2.2.0",
        "    parameter lr is 0.1 and was not there",
        "    function work.f is gone:",
        "      -def f(): pass",
    ]
