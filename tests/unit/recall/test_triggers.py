"""A run knows what started it, and which runs it started."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from runlore import Secret, TriggerEvent, pipeline, step
from runlore.client import Client
from runlore.errors import ConfigurationError, NotFound, ValueUnstorable

NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@step
def double(number: int) -> int:
    return 2 * number


@pipeline
def inner(number: int = 1) -> Any:
    return double(number)


@step
def launch(times: int) -> int:
    return sum(inner(number).output.load() for number in range(times))


@pipeline
def outer(times: int = 2) -> Any:
    return launch(times)


@step
def launch_outer() -> None:
    outer(1)


@pipeline
def outermost() -> None:
    launch_outer()


def test_a_run_started_by_a_step_knows_its_parent(home: Path) -> None:
    """A pipeline that a step calls records the task that called it, and the parent finds what it started."""
    parent = outer()
    first, second = reversed(list(Client().runs("inner")))

    assert first.trigger.run == second.trigger.run == parent
    assert list(parent.triggered) == [second, first]
    event = first.trigger.event
    assert (event.type, event.name, event.id) == ("run", "outer", str(parent.id))
    assert event.payload == {"run": "outer/1", "task": "outer/1/launch/0"}
    assert event.timestamp.tzinfo is not None and parent.created <= event.timestamp <= parent.ended
    assert parent.trigger is None and list(first.triggered) == []


def test_each_run_names_the_one_that_called_it(home: Path) -> None:
    """Of runs within runs, each knows the next one out; the step that started a run is not served from the cache."""
    top = outermost()
    again = outermost()

    for run in (top, again):
        (middle,) = run.triggered
        (low,) = middle.triggered
        assert (middle.pipeline_name, low.pipeline_name) == ("outer", "inner")
        assert low.trigger.run == middle and middle.trigger.run == run


def test_a_run_can_be_told_what_starts_it(home: Path) -> None:
    """``trigger=`` takes names, events, dicts and runs; each is found by name, the latest event first."""
    before = inner()
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    given = [
        "nightly",
        TriggerEvent(name="data_ready", id="42", timestamp=east, payload={"rows": 3, "path": Path("a")}),
        {"name": "asked", "payload": {"by": "mia"}},
        before,
    ]
    run = inner.with_options(trigger=given)(2)

    trigger = run.trigger
    assert [event.name for event in trigger.events][-1] == "data_ready" and len(trigger) == 4
    assert trigger["data_ready"] == trigger.events[-1] and trigger["inner"] == trigger.run == before
    assert (trigger["data_ready"].timestamp, trigger["data_ready"].timestamp.utcoffset()) == (NOON, timedelta(0))
    assert trigger["data_ready"].payload == {"rows": 3, "path": Path("a")} and trigger["data_ready"].id == "42"
    assert trigger["nightly"].type == "event" and trigger["nightly"].timestamp == trigger["asked"].timestamp
    assert "asked" in trigger and "data" not in trigger and trigger.runs == (before,)
    assert list(before.triggered) == [run] and list(Client().runs(tag=["trigger:event:nightly"])) == [run]
    with pytest.raises(NotFound, match="not started by 'data-ready'. Did you mean 'data_ready'"):
        trigger["data-ready"]
    assert [each.trigger for each in (before, inner(3))] == [None, None]


def test_an_event_before_a_run_of_its_name(home: Path) -> None:
    """A name means the event that somebody told of, and the run of such a pipeline where there is no such event."""
    before = inner()
    run = inner.with_options(trigger=["inner", before])(2)

    assert run.trigger["inner"].type == "event" and run.trigger.run == before


def test_each_run_has_events_of_its_own(home: Path) -> None:
    """An event that is told by its name alone gets an id and the time of each run that it starts."""
    told = inner.with_options(trigger="nightly")
    first, second = told(1).trigger.event, told(2).trigger.event

    assert first.id != second.id and first.timestamp < second.timestamp


def test_a_trigger_that_was_deleted_is_still_told_of(home: Path) -> None:
    """When the run that started another one is deleted, the event says which it was."""
    parent = outer(1)
    (run,) = parent.triggered
    parent.delete()

    assert run.trigger.run is None and run.trigger.runs == ()
    assert run.trigger.event.payload["run"] == "outer/1"
    with pytest.raises(NotFound, match="outer/1, which started inner/1, was deleted"):
        run.trigger["outer"]


def test_a_trigger_given_in_a_step_comes_beside_the_parent(home: Path) -> None:
    """A step may tell more of what starts a run; its own run is there as well, and once."""

    @step
    def told() -> None:
        inner.with_options(trigger="data_ready")()

    @step
    def named() -> None:
        inner.with_options(trigger=Client().get("telling/latest"))()

    @pipeline
    def telling() -> None:
        told()
        named(after="told")

    parent = telling()
    second, first = Client().runs("inner")

    assert {event.name for event in first.trigger} == {"data_ready", "telling"}
    assert [event.name for event in second.trigger] == ["telling"] and second.trigger.run == first.trigger.run == parent


def test_secrets_stay_out_of_triggers(home: Path) -> None:
    """A secret parameter that stands in what a trigger tells is not recorded."""

    @pipeline
    def guarded(token: Secret[str]) -> None:
        double(1)

    run = guarded.with_options(trigger={"name": "asked", "payload": {"with": ["tok hunter2 en"]}})("hunter2")

    assert run.trigger.event.payload == {"with": ["tok <secret> en"]}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "not an int"),
        ("", "a text of 1 to 255, not ''"),
        ("x" * 256, "a text of 1 to 255"),
        ({"nme": "a"}, "no 'nme'. Did you mean 'name'"),
        ({"payload": {}}, "needs a name"),
        ({"name": "a", "timestamp": datetime(2026, 1, 1)}, "with its time zone"),
        ({"name": "a", "timestamp": "today"}, "with its time zone"),
        ({"name": "a", "payload": 3}, "a dict, not 3"),
        ({"name": "a", "id": 7}, "the id of a trigger"),
        (TriggerEvent(name="a", type="cron"), "'event' or 'run', not 'cron'"),
        ([["fine"], object()], "not an object"),
    ],
)
def test_what_starts_nothing_is_refused(given: Any, said: str) -> None:
    """A trigger that cannot be meant is an error that names the pipeline and what is expected."""
    with pytest.raises(ConfigurationError, match="Pipeline 'inner': .*") as caught:
        inner.with_options(trigger=given)
    assert said in str(caught.value)


def test_a_payload_that_cannot_be_kept_is_refused_before_anything_runs(home: Path) -> None:
    """A payload with what metadata cannot hold is an error, and no run is recorded."""
    with pytest.raises(ValueUnstorable, match="trigger"):
        inner.with_options(trigger={"name": "a", "payload": {"x": object()}})()

    assert list(Client().runs()) == []


@pytest.mark.parametrize(
    "told",
    ["3", "[]", '{"events":3}', '{"events":[]}', '{"events":[3,{}]}', '{"events":[{"name":3}]}', '{"event":"nightly"}'],
)
def test_a_trigger_that_cannot_be_read_is_none(book: Any, told: str) -> None:
    """What a stranger's record tells of a trigger in no known form is passed over; what can be read of it is shown."""
    book.begin(trigger=told)
    book.begin(trigger='{"events":[3,{"name":"asked","timestamp":"noon","id":7,"payload":[]}]}')

    assert book.client.get("training/1").trigger is None
    event = book.client.get("training/2").trigger.event
    assert (event.name, event.timestamp, event.id, event.payload, event.type) == ("asked", None, "7", {}, "event")
