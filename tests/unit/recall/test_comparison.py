"""Comparisons of runs: what counts as different, and how it is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runlore import log_metadata, log_metric, pipeline, save_artifact, step
from runlore.author import current
from runlore.author.current import use_workspace
from runlore.errors import NotFound, QueryInvalid
from runlore.model.change import MetricsLogged
from runlore.model.metric import Points
from runlore.model.name import columns_of
from runlore.recall.compare.comparing import _Side
from runlore.settings import Settings
from runlore.workspace import Workspace

from .conftest import Book

WORK = """
RATE = 2

def load(rows):
    return list(range(rows))

def train(data, lr):
    log_metadata({"accuracy": lr * RATE})
    save_artifact(lr, "note")
    return {"weight": lr * len(data)}

def check(model):
    if model["weight"] > 100:
        raise ValueError("too heavy")
    return True
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of the test's own, in force for pipelines."""
    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    with use_workspace(opened):
        yield opened
    opened.close()


def run(source: str = WORK, *, rows: Any = 3, lr: Any = 0.5, **options: Any) -> Any:
    """One run of the project's pipeline, as its source is now; a failing one comes back as well."""
    work = ModuleType("compared")
    vars(work).update(log_metadata=log_metadata, log_metric=log_metric, save_artifact=save_artifact)
    file = current.workspace().settings.home / f"work-{sha256(source.encode()).hexdigest()[:8]}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")
    exec(compile(source, str(file), "exec", dont_inherit=True), vars(work))

    @pipeline(**options)
    def training(rows: Any, lr: Any) -> None:
        step(work.check)(step(work.train)(step(work.load)(rows), lr))

    try:
        return training(rows, lr)
    except ValueError:
        return current.workspace().client.get("training/latest")


def changed(section: Any) -> dict[str, tuple[str, ...]]:
    """Rows that differ, as they are shown."""
    return {row.name: tuple(cell.text for cell in row.cells) for row in section.changed}


@pytest.mark.usefixtures("workspace")
def test_equal_runs_say_so() -> None:
    """Two runs that differ in names and times only are not different, and the text says that."""
    first, second = run(enable_cache=False), run(enable_cache=False)
    found = first.diff(second)

    assert not found.changed and found.code == ()
    assert str(found).splitlines()[-1] == "Nothing differs between training/1 and training/2 but times."
    assert "Nothing differs" in found._repr_html_() and repr(found).endswith("no differences>")
    assert found.facts["duration"].differs and not found.facts["duration"].changed


@pytest.mark.usefixtures("workspace")
def test_what_differs_is_told_by_kind() -> None:
    """Parameters, metadata, steps, inputs and outputs show what each run has; what is the same does not count."""
    first, second = run(), run(lr=0.25)
    found = first.diff(second)

    assert changed(found.parameters) == {"lr": ("0.5", "0.25"), "train.lr": ("0.5", "0.25")}
    assert changed(found.metadata) == {"train.accuracy": ("1.0", "0.5")}
    assert found.steps["load"].cells[1].text == "cached from training/1"
    assert found.steps["load"].values[1]["origins"] == ["training/1/load"]
    assert set(changed(found.outputs)) == {"train.output", "train.note"}
    assert set(changed(found.inputs)) == {"check.model"}
    was, now = found.inputs["check.model"].values
    assert was["digest"] == first.steps["train"].output.digest != now["digest"]
    assert was["artifact"] == first.steps["train"].output.pathspec and was["type"] == "builtins.dict"
    assert found.changed and not found.environment.changed and not found.packages.changed and not found.config.changed
    with pytest.raises(NotFound, match="Did you mean 'lr'"):
        found.parameters["lrr"]


@pytest.mark.usefixtures("workspace")
def test_what_a_cached_step_took_over_is_its_own() -> None:
    """A step served from the cache has the outputs and saved artifacts of its origin, so only its status differs."""
    found = run().diff(run())

    assert not any(section.changed for name, section in found.sections.items() if name not in ("steps", "run"))
    assert changed(found.facts) == {"status": ("completed", "cached")}
    assert set(changed(found.steps)) == {"load", "train", "check"}


@pytest.mark.usefixtures("workspace")
def test_sources_that_differ_are_shown_line_by_line() -> None:
    """A changed function and constant, of the step that reaches them, come as unified differences against the first."""
    found = run().diff(run(WORK.replace("RATE = 2", "RATE = 3").replace("lr * len(data)", "lr + len(data)")))

    step_changes = {one.what: one for one in found.code if one.where == "step train"}
    assert set(step_changes) == {"function compared.train", "constant compared.RATE"}
    fit = step_changes["function compared.train"]
    assert (fit.run, fit.added, fit.removed) == ("training/2", 1, 1)
    assert "-    return {'weight': lr * len(data)}" in fit.diff and "+    return {'weight': lr + len(data)}" in fit.diff
    assert "--code" in found.to_text() and "lr + len(data)" not in found.to_text()
    assert "+    return {'weight': lr + len(data)}" in found.to_text(code=True)
    assert "lr + len(data)" in found._repr_html_()


@pytest.mark.usefixtures("workspace")
def test_failures_and_steps_that_are_not_there_differ() -> None:
    """A failed run tells why; a step or parameter of one run only is absent in the other, whatever the pipeline."""
    good, bad = run(), run(lr=1000.0)

    @pipeline
    def other(rate: float = 1.0) -> None:
        step(lambda x: x, name="alone")(rate)

    found = good.diff(bad, other())

    assert found.facts["status"].values == ("completed", "failed", "completed")
    assert found.facts["failure"].cells[0].absent and "too heavy" in found.facts["failure"].cells[1].text
    assert found.facts["pipeline"].values == ("training", "training", "other")
    assert [cell.text for cell in found.parameters["rate"].cells] == ["-", "-", "1.0"]
    assert found.steps["check"].cells[2].absent and found.steps["alone"].cells[0].absent


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0.0, -0.0), ("1", 1), ([1], [1.0])], ids=range(5))
def test_values_that_are_not_the_same_do_not_look_the_same(book: Book, one: Any, other: Any) -> None:
    """Identity is exact: what == takes for equal, or str prints alike, differs and is shown so."""
    runs = [book.client.run_of(book.run()) for _ in range(2)]
    for run, value in zip(runs, (one, other), strict=True):
        run.log_metadata({"x": value})

    row = runs[0].diff(runs[1]).metadata["x"]

    assert row.changed and row.cells[0].text != row.cells[1].text and row.values == (one, other)


def test_tags_differ(book: Book) -> None:
    """Tags that people gave are compared as a whole, by name; so is what was written about the runs."""
    first, second = (book.client.run_of(book.run()) for _ in range(2))
    second.add_tags("good", "best")
    first.note = "a first try"

    assert changed(first.diff(second).facts) == {"tags": ("-", "best, good"), "note": ("a first try", "-")}


def test_not_a_number_is_the_same_as_itself(book: Book) -> None:
    """Two runs with NaN under a key do not differ in it."""
    first, second = (book.client.run_of(book.run(parameters={"x": float("nan")})) for _ in range(2))

    assert not first.diff(second).parameters["x"].changed


def test_metrics_tell_last_least_and_greatest(book: Book) -> None:
    """A series shows its last value, and of several its bounds; a run that did not measure has nothing."""
    runs = []
    for values in ([0.5, 0.25], [0.75], []):
        noun, fence = book.begin()
        if values:
            times = range(len(values))
            points = Points(values=tuple(values), progress=tuple(times), times=tuple(times))
            book.workspace.record.commit([MetricsLogged(part=0, series=(("loss", points),))], fence=fence)
        runs.append(book.client.run_of(noun))

    found = book.client.compare(*runs)

    assert changed(found.metrics) == {
        "loss": ("0.25", "0.75", "-"),
        "loss (min)": ("0.25", "-", "-"),
        "loss (max)": ("0.5", "-", "-"),
    }


@pytest.mark.usefixtures("workspace")
def test_series_are_curves_over_each_other() -> None:
    """A metric with several points is drawn once, with a line for each run that measured it."""
    source = WORK.replace(
        "    save_artifact(lr", "    [log_metric('loss', lr / n, step=n) for n in (1, 2)]\n    save_artifact(lr"
    )
    found = run(source).diff(run(source, lr=0.25))

    (curve,) = found.curves

    assert curve.name == "train.loss"
    assert curve.lines == (
        ("training/1", (0.5, 0.25), (1, 2)),
        ("training/2", (0.25, 0.125), (1, 2)),
    )
    assert found.metrics["train.loss"].values == (0.25, 0.125)
    assert found._repr_html_().count("<svg") == 1 and "<svg" not in run().diff(run())._repr_html_()


def test_the_text_is_narrow_and_loses_nothing(book: Book) -> None:
    """Text fits 80 columns for two to five runs; a long value is wrapped, and told from where it differs."""
    long = "x" * 900
    runs = [
        book.client.run_of(book.run(parameters={"lr": 0.1 * number, "text": f"{long}{number}", "ünï漢": "漢字" * 30}))
        for number in range(5)
    ]
    for count in range(2, 6):
        text = book.client.compare(*runs[:count]).to_text(everything=True)
        assert max(map(columns_of, text.splitlines())) <= 80
        assert all(f"{'x' * 20}{number}" in text.replace("\n", "").replace(" ", "") for number in range(count))
    seven = book.client.compare(*runs, *runs[:2]).to_text()
    assert max(map(columns_of, seven.splitlines())) <= 80 and "training/5" in seven


def test_hostile_names_and_values_stay_text(book: Book) -> None:
    """Neither escape sequences nor markup in names and values reach the terminal or the page; JSON can say them."""
    evil = "\x1b[31m\r\n\x00<script>alert(1)</script>\u202e</pre>"
    first = book.client.run_of(book.run(parameters={evil: 1, "value": evil}))
    second = book.client.run_of(book.run(parameters={evil: 2, "value": evil + "!"}))
    first.log_metadata({"note": evil})
    found = first.diff(second)

    for text in (found.to_text(everything=True, code=True), repr(found)):
        assert all(line.isprintable() for line in text.split("\n"))
    assert "<script" not in found._repr_html_() and "\x1b" not in found._repr_html_()
    told = json.loads(json.dumps(found.to_dict()))
    assert told["changed"] and {row["name"] for row in told["sections"]["parameters"] if row["changed"]} == {
        evil,
        "value",
    }


def test_other_runs_may_be_named(book: Book) -> None:
    """A run is compared with handles, pathspecs, names and ids alike; one that is not there is said not to be."""
    book.run(name="first-night")
    book.run()
    first, second = book.client.get("training/1"), book.client.get("training/2")

    for other in (second, "training/2", second.name, second.id):
        assert first.diff(other).to_dict() == book.client.compare("first-night", other).to_dict()
    with pytest.raises(NotFound, match="There is no run '9' of pipeline 'training'; its newest is training/2"):
        first.diff("training/9")


def test_a_comparison_needs_two_runs(book: Book) -> None:
    """One run, or none, is an error; references are taken like those of a run."""
    book.run(), book.run()
    run = book.client.get("training/1")

    for few in ((), ("training/1",), (run,)):
        with pytest.raises(QueryInvalid, match="two or more runs"):
            book.client.compare(*few)
    assert book.client.compare("training/1", run.id, "training/2").runs == ("training/1", "training/1", "training/2")
    with pytest.raises(NotFound):
        book.client.compare("training/1", "training/9")


def test_a_comparison_costs_few_statements(book: Book) -> None:
    """Inputs and outputs of all steps are read together: more steps cost no more statements for them."""
    side = _Side(book.client.run_of(book.run()))
    statements: list[str] = []
    handle = book.workspace.record._db._handle  # type: ignore[attr-defined]
    handle.set_trace_callback(statements.append)
    side.inputs(), side.outputs()
    handle.set_trace_callback(None)

    assert len(statements) <= 16


def test_the_page_needs_nothing_else(book: Book) -> None:
    """The notebook's view loads nothing and names every run."""
    found = book.client.compare(book.client.run_of(book.run()), book.client.run_of(book.run(parameters={"lr": 2.0})))

    page = found._repr_html_()

    assert not re.search(r"https?:|src=|url\(", page)
    assert all(name in page for name in ("training/1", "training/2", "0.1", "2.0"))
