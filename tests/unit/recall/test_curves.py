"""Curves: series as lines, small however long they are, and without what is no number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore import log_metric, pipeline, step
from runlore.recall.html.curve import Series, curve, sparkline, written

Read = Callable[[str], tuple[list[tuple[str, dict[str, str]]], str]]


def paths(found: list[tuple[str, dict[str, str]]]) -> list[list[list[float]]]:
    """The points of each line."""
    lines = [attributes["d"] for name, attributes in found if name == "path" and "stroke-opacity" not in attributes]
    return [[[float(number) for number in point.split()] for point in re.split("[ML]", line)[1:]] for line in lines]


@settings(max_examples=50)
@given(st.lists(st.lists(st.floats(), max_size=30), min_size=1, max_size=4))
def test_any_numbers_make_a_drawing(read_html: Read, lines: list[list[float]]) -> None:
    """Whatever floats a series holds, each point that is drawn lies in the drawing."""
    found, _ = read_html(curve([Series(name=f"<{n}>", values=line) for n, line in enumerate(lines)], "told"))
    for points in paths(found):
        assert all(46 <= x <= 312 and 8 <= y <= 110 for x, y in points)
    if not any(math.isfinite(value) for line in lines for value in line):
        assert [name for name, _ in found] == ["p"]
    read_html(sparkline(lines[0]))


def test_a_long_series_keeps_its_ends_and_peaks(read_html: Read) -> None:
    """Of 100,000 points some two hundred are drawn, the highest and the lowest of all and both ends among them."""
    values = [0.0] * 100_000
    values[12_345], values[76_543] = 7.0, -3.0
    page = curve([Series(name="x", values=values)], "told")
    ((*points,),) = paths(read_html(page)[0])

    assert len(points) <= 210 and len(page) < 8_000
    assert {8.0, 110.0} <= {y for _, y in points}
    assert (points[0][0], points[-1][0]) == (46.0, 312.0)


def test_gaps_are_gaps(read_html: Read) -> None:
    """A point that is no number, or infinite, parts the line."""
    page = curve([Series(name="x", values=[1.0, 2.0, math.nan, 3.0, math.inf, 4.0, 5.0])], "told")
    (line,) = (a["d"] for name, a in read_html(page)[0] if name == "path" and "stroke-opacity" not in a)

    assert line.count("M") == 3 and line.count("L") == 2


def test_what_was_counted_by_is_the_axis(read_html: Read) -> None:
    """Points stand over their steps where all have one, else over their positions."""
    spread = curve([Series(name="x", values=[1.0, 2.0, 3.0], steps=[0, 10, 100])], "told")
    ((*points,),) = paths(read_html(spread)[0])
    assert [round((x - 46) / 266, 2) for x, _ in points] == [0.0, 0.1, 1.0]
    even = curve([Series(name="x", values=[1.0, 2.0, 3.0], steps=[0, None, 100])], "told")
    ((*points,),) = paths(read_html(even)[0])
    assert [round((x - 46) / 266, 2) for x, _ in points] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0"), (3.0, "3"), (1234567.0, "1,234,567"), (1e9, "1e+09"), (0.123456, "0.1235"), (math.nan, "nan")],
)
def test_numbers_are_short(number: float, text: str) -> None:
    """A number is written with four digits, a whole one as it is."""
    assert written(number) == text


@pytest.fixture
def measured(home: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run that measured."""
    monkeypatch.setenv("RUNLORE_PROGRESS", "quiet")

    @step
    def train() -> int:
        for epoch in range(50):
            log_metric("loss<b>", 1 / (epoch + 1), step=epoch)
        log_metric("final", 0.5)
        return 1

    @step
    def each(k: int) -> int:
        for epoch in range(3):
            log_metric("score", k * epoch, step=epoch)
        return k

    @pipeline
    def measuring() -> None:
        train()
        each.map(list(range(9)))

    return measuring()


def test_metrics_are_shown_as_curves(measured: Any, read_html: Read) -> None:
    """In a notebook a metric is its curve, one of several tasks a line each, and several metrics are rows."""
    found, text = read_html(measured.metrics["loss<b>"]._repr_html_())
    assert "last 0.02, min 0.02, max 1, 50 points" in text and len(paths(found)[0]) == 50
    found, text = read_html(measured.steps["each"].metrics["score"]._repr_html_())
    assert len(paths(found)) == 6 and "… and 3 more tasks" in text
    found, text = read_html(measured.metrics._repr_html_())
    assert "3 metrics of measuring/1" in text and "loss<b>" in text and len(paths(found)) == 2
    assert "0.5" in read_html(measured.metrics["final"]._repr_html_())[1]


def test_a_report_has_the_curves(measured: Any, read_html: Read) -> None:
    """A report draws each series, and tells single points in a table."""
    page = measured.to_html()
    read_html(page)
    drawn = page[page.index('id="metrics"') : page.index('id="artifacts"')]

    assert "loss&lt;b&gt;" in drawn and drawn.count('class="card"') == 2
    assert re.search(r"<td>final</td><td>measuring/1/train</td><td>0.5</td>", drawn)


def test_a_run_and_a_step_tell_the_last_values(measured: Any, read_html: Read) -> None:
    """In a notebook a run says what its metrics came to, and a step what its own did."""
    assert "final = 0.5, loss<b> = 0.02, score = 16" in read_html(measured._repr_html_())[1]
    assert "final = 0.5, loss<b> = 0.02" in read_html(measured.steps["train"]._repr_html_())[1]
    assert "final" not in read_html(measured.steps["each"]._repr_html_())[1]
