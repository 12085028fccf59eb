"""Metrics: what a step logs, how it comes to the record, and how it is read back."""

from __future__ import annotations

import contextvars
import math
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runlore import get_step_context, log_metric, log_metrics, pipeline, step
from runlore.author.current import use_workspace
from runlore.client import Client
from runlore.errors import NameInvalid, NotFound, StepContextError, StoreFull, ValueUnstorable
from runlore.execute import metric_log
from runlore.execute.metric_log import MetricLog
from runlore.model.change import MetricsLogged
from runlore.settings import Settings
from runlore.workspace import Workspace


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of the test's own, in force for pipelines and `Client()`."""
    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    with use_workspace(opened):
        yield opened
        assert [finding for finding in opened.record.check() if not finding.harmless] == []
    opened.close()


def run_of(function: Callable[..., Any]) -> Any:
    """Run one step."""
    made = step(function)

    @pipeline
    def measuring() -> Any:
        return made()

    return measuring()


def test_a_series_comes_back_as_it_was_logged() -> None:
    """Values, steps and times of a series are exact and in order; what sums it up is there beside it."""
    odd = [0.1, -0.0, 5e-324, math.inf, -math.inf, math.nan, 1e308, 2.5]
    before = datetime.now(UTC)

    def train() -> None:
        for epoch, value in enumerate(odd):
            log_metric("loss", value, step=epoch)
            log_metrics({"train/accuracy": epoch / 8, "plain": 2})

    run = run_of(train)
    loss = run.metrics["loss"]

    assert list(run.metrics) == ["loss", "plain", "train/accuracy"]
    assert repr(loss.values) == repr(odd) and loss.steps == list(range(8))
    assert (loss.last, loss.min, loss.max, loss.count, len(loss)) == (2.5, -math.inf, math.inf, 8, 8)
    assert (loss.best("min"), loss.best("max")) == (-math.inf, math.inf)
    assert before.replace(microsecond=0) <= loss.times[0] <= loss.times[-1] <= datetime.now(UTC)
    assert loss.times[0].tzinfo is UTC and sorted(loss.times) == loss.times
    assert run.metrics["plain"].steps == [None] * 8 and run.metrics["plain"].values == [2.0] * 8
    assert run.steps["train"].metrics["loss"] == loss
    assert repr(run.steps["train"][0].metrics["loss"].values) == repr(odd)


def test_a_series_is_a_sequence_of_points() -> None:
    """Indexing, slices, walking and `in` work as for a list; what is not there is said."""

    def train() -> None:
        for epoch in range(5):
            log_metric("loss", 5 - epoch, step=epoch)

    run = run_of(train)
    loss = run.metrics["loss"]

    assert (loss[0].value, loss[0].step, loss[-1].value, loss[-1].task) == (5.0, 0, 1.0, 0)
    assert [point.value for point in loss] == [5, 4, 3, 2, 1] and loss[1] in loss
    assert [point.step for point in loss[1:4:2]] == [1, 3] and loss[::-1][0] == loss[-1]
    assert repr(loss) == "<Metric 'loss' of measuring/1/train: 5 points, last 1, min 1, max 5>"
    with pytest.raises(IndexError, match=r"no point 5: it has 5 points"):
        loss[5]
    with pytest.raises(ValueError, match="'min' or the greatest with 'max', not 'least'"):
        loss.best("least")
    with pytest.raises(NotFound, match="measuring/1 has no metric 'los'. Did you mean 'loss'"):
        run.metrics["los"]


def test_what_sums_a_series_up_costs_no_reading_of_points(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """last, min, max and count are read without a single point."""

    def train() -> None:
        log_metric("loss", 1)

    run = run_of(train)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("points were read")

    monkeypatch.setattr(type(workspace.record), "points", refuse)
    loss = run.metrics["loss"]

    assert (loss.last, loss.min, loss.max, loss.count, loss.best("min")) == (1, 1, 1, 1, 1) and "1 point" in repr(loss)
    with pytest.raises(AssertionError):
        len(loss)


class _Tensor:
    """A number as torch gives it: of a class of its own, with `item`."""

    def __init__(self, value: Any, shape: tuple[int, ...] = ()) -> None:
        self._value, self.shape = value, shape

    def item(self) -> Any:
        if self.shape not in ((), (1,)):
            raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")
        return self._value


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (3, 3.0),
        (True, 1.0),
        (2**53, 2.0**53),
        (2**70, 2.0**70),
        (np.float32(0.1), 0.10000000149011612),
        (np.float64(0.1), 0.1),
        (np.int8(-3), -3.0),
        (np.bool_(True), 1.0),
        (np.array(0.5), 0.5),
        (np.array([7]), 7.0),
        (_Tensor(0.25), 0.25),
        (_Tensor(4, (1,)), 4.0),
    ],
    ids=lambda given: type(given).__name__,
)
def test_numbers_of_every_kind_are_kept_exactly(value: Any, kept: float) -> None:
    """What is one number is kept as the float that it is exactly."""

    def train() -> None:
        log_metric("x", value)

    found = run_of(train).metrics["x"].values

    assert found == [kept] and type(found[0]) is float


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "None is a NoneType"),
        ("0.3", r"'0.3' is a str\. Pass float\(value\)"),
        (2**53 + 1, "9007199254740993, and a series holds floats, of which none is exactly that"),
        (10**400, "an int of 1,329 bits, and a series holds floats, of which none is exactly that"),
        (10**5000, "an int of 16,610 bits"),
        (1j, "1j is a complex"),
        (Decimal("0.1"), r"is a Decimal\. Pass float\(value\)"),
        (np.array([1, 2]), r"Its shape is \(2,\): pass one number"),
        (_Tensor(1, (2,)), r"Its shape is \(2,\)"),
        ([0.1], "is a list"),
        ({"loss": 1}, r"log_metrics\(\) takes several"),
        (np.array("a"), "is a ndarray"),
        (np.datetime64(1, "s"), "is a datetime64"),
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_no_number_is_refused_where_it_is_logged(value: Any, said: str) -> None:
    """Anything else is an error that names the metric and what came, and nothing of the call is kept."""
    raised: list[str] = []

    def train() -> None:
        for log in (lambda: log_metric("loss", value), lambda: log_metrics({"fine": 1, "loss": value})):
            with pytest.raises(ValueUnstorable, match=f"Metric 'loss'.*{said}") as error:
                log()
            raised.append(str(error.value))

    run = run_of(train)

    assert len(raised) == 2 and dict(run.metrics) == {}


def test_names_and_steps_are_checked() -> None:
    """A name is a name, and step= counts; several metrics come in a dict."""

    def train() -> None:
        for name in ("", " ", "a\nb", "x" * 256, 3, None, ["loss"]):
            with pytest.raises(NameInvalid, match="A metric's name"):
                log_metric(name, 1)  # type: ignore[arg-type]
        for count in (1.5, "1", True, np.float64(1)):
            with pytest.raises(ValueUnstorable, match=r"Metric 'loss': step= counts"):
                log_metric("loss", 1, step=count)  # type: ignore[arg-type]
        with pytest.raises(ValueUnstorable, match="takes a dict"):
            log_metrics([("loss", 1)])  # type: ignore[arg-type]
        with pytest.raises(ValueUnstorable, match="step= counts"):
            log_metrics({"loss": 1}, step="first")  # type: ignore[arg-type]
        log_metric("loss", 1, 10**30)
        log_metric("loss", 1, np.int64(-4))  # type: ignore[arg-type]
        log_metric(np.str_("loss"), 1, None)

    assert run_of(train).metrics["loss"].steps == [10**30, -4, None]


def test_outside_of_a_step_there_is_nothing_to_measure() -> None:
    """Without a running step it is said what to do instead; the body of a pipeline is no step."""
    with pytest.raises(StepContextError, match=r"No step is running here.*run\.log_metadata"):
        log_metric("loss", 1)

    @pipeline
    def body() -> None:
        log_metrics({"loss": 1})

    with pytest.raises(StepContextError, match="No step is running here"):
        body()


def test_threads_of_a_step_may_log() -> None:
    """What threads log counts towards the step that runs, and no point is lost between them."""

    def train() -> None:
        def work(number: int) -> None:
            for epoch in range(2000):
                log_metric(f"loss {number}", epoch, step=epoch)
                log_metric("all", 1)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    run = run_of(train)

    assert all(run.metrics[f"loss {number}"].steps == list(range(2000)) for number in range(4))
    assert run.metrics["all"].count == 8000


def test_a_thread_between_several_steps_is_asked_to_say_which() -> None:
    """A thread that could mean two running steps gets an error with the ways out, which work."""

    @step
    def inner() -> None:
        context = get_step_context()
        raised: list[BaseException] = []

        def lost() -> None:
            try:
                log_metric("loss", 1)
            except StepContextError as error:
                raised.append(error)

        copied = contextvars.copy_context()
        for target in (
            lost,
            lambda: context.log_metric("loss", 2, step=1),
            lambda: context.log_metrics({"loss": 3}),
            lambda: copied.run(log_metric, "loss", 4),
        ):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
        assert "Several steps are running" in str(raised[0])

    @pipeline
    def within() -> None:
        inner()

    def outer() -> str:
        return str(within().pathspec)

    run = run_of(outer)

    assert Client().get(run.output.load()).metrics["loss"].values == [2, 3, 4] and dict(run.metrics) == {}


def test_a_thread_that_outlives_its_step_is_told() -> None:
    """Once a step has ended, its context takes nothing any more."""
    kept: list[Any] = []

    def train() -> None:
        kept.append(get_step_context())
        log_metric("loss", 1)

    run = run_of(train)
    with pytest.raises(StepContextError, match="Metric 'loss': the step in which it is measured has ended"):
        kept[0].log_metric("loss", 2)

    assert run.metrics["loss"].count == 1


def test_a_failed_step_keeps_what_it_measured() -> None:
    """What an attempt logged before it failed is there, with the attempt."""

    def train() -> None:
        log_metric("loss", 0.5, step=3)
        raise RuntimeError("diverged")

    with pytest.raises(RuntimeError):
        run_of(train)
    run = Client().get("measuring/latest")

    assert run.metrics["loss"].steps == [3] and run.steps["train"][0].attempts[0].metrics["loss"].last == 0.5


def test_mapped_items_have_series_of_their_own() -> None:
    """Each item's series is its task's; the step shows all of them, item after item."""

    @step
    def fit(lr: float) -> None:
        for epoch in range(3):
            log_metric("loss", lr / (epoch + 1), step=epoch)

    @pipeline
    def fitting() -> None:
        fit.map([6.0, 60.0])

    run = fitting()
    found = run.steps["fit"].metrics["loss"]

    assert [task.metrics["loss"].values for task in run.steps["fit"].tasks] == [[6, 3, 2], [60, 30, 20]]
    assert (found.values, found.tasks) == ([6, 3, 2, 60, 30, 20], [0, 0, 0, 1, 1, 1])
    assert (found.count, found.min, found.max, found.last) == (6, 2, 60, 20)
    assert run.steps["fit"].tasks[1].metrics["loss"].min == 20
    assert list(found.to_frame().columns) == ["step", "value", "time", "task"]


def test_of_several_steps_the_run_shows_the_last() -> None:
    """Under a name that several steps measured, a run shows the last step's; each step has its own."""

    @step
    def fit(rate: float) -> None:
        log_metric("loss", rate)
        if rate < 1:
            log_metric("only", rate)

    @pipeline
    def fitting() -> None:
        fit(0.5, id="first")
        fit(2.0, id="second")

    run = fitting()

    assert run.metrics["loss"].last == 2.0 and run.metrics["loss"].owner == "fitting/1/second"
    assert run.metrics["only"].owner == "fitting/1/first"
    assert run.steps["first"].metrics["loss"].last == 0.5


def test_a_cached_step_shows_what_its_origin_measured() -> None:
    """Metrics of a step that was served from the cache are its origin's, on the run, the step and the task."""

    def train() -> float:
        log_metric("loss", 0.5, step=1)
        log_metric("loss", 0.25, step=2)
        return 1.0

    run_of(train)
    run = run_of(train)
    assert run.status == "cached"

    for found in (run.metrics, run.steps["train"].metrics, run.steps["train"].tasks[0].metrics):
        assert (found["loss"].last, found["loss"].count, found["loss"].steps) == (0.25, 2, [1, 2])
    assert [one.number for one in Client().runs(run_metadata=[])] == [2, 1]

    Client().delete_run("measuring/1")
    assert run.metrics["loss"].last == 0.25
    with pytest.raises(NotFound, match="were deleted with the run that measured them"):
        run.metrics["loss"].values  # noqa: B018


def test_items_from_several_origins_show_what_each_measured() -> None:
    """A mapped step of which some items were cached shows the points of all, and is summed up from them."""

    @step
    def fit(lr: float) -> float:
        log_metric("loss", lr)
        return lr

    @pipeline
    def fitting(rates: list[float]) -> None:
        fit.map(rates)

    fitting([1.0, 2.0])
    run = fitting([2.0, 3.0, 1.0])
    loss = run.steps["fit"].metrics["loss"]

    assert [str(task.status) for task in run.steps["fit"].tasks] == ["cached", "completed", "cached"]
    assert (loss.values, loss.min, loss.max, loss.count, loss.last) == ([2, 3, 1], 1, 3, 3, 1)
    assert [task.metrics["loss"].last for task in run.steps["fit"].tasks] == [2, 3, 1]
    assert run.metrics["loss"].values == [2, 3, 1]


def test_a_step_sees_what_it_has_logged_so_far() -> None:
    """Who reads the run inside the step finds every point that was logged before."""
    seen: list[list[float]] = []

    def train() -> None:
        for epoch in range(3):
            log_metric("loss", epoch)
            seen.append(get_step_context().pipeline_run.metrics["loss"].values)

    run = run_of(train)

    assert seen == [[0], [0, 1], [0, 1, 2]] and run.metrics["loss"].count == 3
    assert "metrics of measuring/1" in run.steps["train"].cache_note


def test_a_hook_may_log() -> None:
    """What a hook logs is measured by its step."""

    @step(on_success=lambda: log_metric("hooked", 1))
    def train() -> None:
        log_metric("loss", 2)

    @pipeline
    def hooking() -> None:
        train()

    assert list(hooking().metrics) == ["hooked", "loss"]


def test_secrets_are_taken_out_of_names() -> None:
    """A secret of the run stands in no metric's name."""
    from runlore import Secret

    @step
    def train(key: Secret[str]) -> None:
        log_metric(f"loss with {key}", 1)

    @pipeline
    def hiding(key: Secret[str]) -> None:
        train(key)

    assert list(hiding("opensesame").metrics) == ["loss with <secret>"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_logs_nothing() -> None:
    """A child that a step forks is told that it may not log, and the parent's points are recorded once."""

    def train() -> None:
        log_metric("loss", 1)
        child = os.fork()
        if child == 0:
            try:
                log_metric("loss", 2)
                os._exit(1)
            except StepContextError:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        log_metric("loss", 3)

    assert run_of(train).metrics["loss"].values == [1, 3]


# -- the log by itself ------------------------------------------------------------------------------------------------


class _Sink:
    """Takes parts, keeps actions for later, and refuses while it is told to."""

    def __init__(self) -> None:
        self.parts: list[MetricsLogged] = []
        self.actions: list[Callable[[], None]] = []
        self.error: Exception | None = None
        self.busy = False
        self.log = MetricLog(self.write, later=self.later, step=0, clock=lambda: 5_000_000)

    def write(self, part: MetricsLogged) -> bool:
        if self.error is not None:
            raise self.error
        if not self.busy:
            self.parts.append(part)
        return not self.busy

    def later(self, seconds: float, action: Callable[[], None]) -> bool:
        self.actions.append(action)
        return True

    def tick(self) -> None:
        actions, self.actions = self.actions, []
        for action in actions:
            action()

    @property
    def values(self) -> list[float]:
        return [value for part in self.parts for _, points in part.series for value in points.values]


@pytest.fixture
def sink() -> Iterator[_Sink]:
    """A log, and where it writes."""
    made = _Sink()
    yield made
    made.log.close()


def test_points_are_handed_over_together_after_a_while(sink: _Sink) -> None:
    """The first point asks for one hand-over; what comes until then goes with it, and what comes later asks anew."""
    for value in (1.0, 2.0):
        sink.log.log("loss", value, 7)
    assert sink.parts == [] and len(sink.actions) == 1

    sink.tick()
    assert sink.values == [1, 2] and sink.actions == []
    (part,) = sink.parts
    assert part.series[0][1].times == [5000, 5000] and part.series[0][1].progress == [7, 7]

    sink.log.log("loss", 3.0)
    sink.tick()
    assert [part.part for part in sink.parts] == [0, 1] and sink.values == [1, 2, 3]


def test_memory_stays_bounded(sink: _Sink) -> None:
    """However many points are logged without a pause, no more than a few thousand wait."""
    for value in range(5 * metric_log.FULL + 7):
        sink.log.log("loss", float(value))
        assert len(sink.log._points) < metric_log.FULL

    assert len(sink.values) == 5 * metric_log.FULL
    sink.parts += sink.log.close()
    assert sink.values == [float(value) for value in range(5 * metric_log.FULL + 7)]


def test_what_the_record_does_not_take_is_tried_again(sink: _Sink) -> None:
    """While the record cannot be written, points wait, in order; the same part comes again, never a mixture."""
    sink.error = StoreFull("no space")
    sink.log.log("loss", 1.0)
    sink.tick()
    sink.log.log("loss", 2.0)
    sink.tick()
    assert sink.parts == [] and len(sink.actions) == 1

    sink.error, sink.busy = None, True
    sink.tick()
    sink.busy = False
    sink.tick()
    assert sink.values == [1, 2] and [part.part for part in sink.parts] == [0, 1]
    assert sink.log.close() == ()


def test_a_record_that_takes_nothing_for_long_is_an_error(sink: _Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """When more waits than memory should hold, logging raises why, and every point is still there for the end."""
    monkeypatch.setattr(metric_log, "FULL", 2)
    monkeypatch.setattr(metric_log, "HELD", 3)
    sink.error = StoreFull("no space")
    logged = 0
    with pytest.raises(StoreFull):
        while logged < 100:
            logged += 1
            sink.log.log("loss", float(logged))

    assert 6 <= logged <= 10
    sink.parts += sink.log.close()
    assert sink.values == list(range(1, logged + 1))


def test_without_a_thread_to_be_had_points_are_written_at_once() -> None:
    """Where nothing can be called later, each point is written when it is logged."""
    sink = _Sink()
    sink.log.close()
    sink.log = MetricLog(sink.write, later=lambda seconds, action: False, step=0)
    sink.log.log("loss", 1.0)
    assert sink.values == [1]
    sink.log.close()
