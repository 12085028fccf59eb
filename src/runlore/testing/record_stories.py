"""Short stories for the record's contract: runs, steps and versions with everything usual filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from runlore.model.artifact import Content, LookedUp
from runlore.model.change import (
    Change,
    NewRun,
    NewStep,
    NewVersion,
    Output,
    RunFinished,
    StepFinished,
    StepsPlanned,
    StepStarted,
    TaskFinished,
)
from runlore.model.digest import digest_of
from runlore.model.noun import changed
from runlore.model.query import AnyOf, Condition, Filter, Operator, Query
from runlore.model.run import Fence, Run
from runlore.model.status import Status
from runlore.record.port import Record

START = datetime(2030, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A time ``seconds`` after the start of the story."""
    return START + timedelta(seconds=seconds)


def new_run(pipeline: str = "training", **given: Any) -> NewRun:
    """A run with a name of its own."""
    id = uuid4()
    usual: dict[str, Any] = {
        "id": id,
        "fingerprint": b"code 1",
        "definition": '{"source":"def training(): ..."}',
        "name": f"{pipeline}-{id.hex[:12]}",
        "name_given": False,
        "created": START,
    }
    return NewRun(pipeline=pipeline, **(usual | given))


def new_step(index: int = 0, name: str = "train", **given: Any) -> NewStep:
    """A planned step whose definition depends on its name only."""
    body = f'{{"name":"{name}"}}'
    return NewStep(index=index, name=name, definition=body, definition_digest=sha256(body.encode()).digest(), **given)


def inline(data: bytes) -> Content:
    """A small value as the vault would store it."""
    return Content(
        materializer="json",
        type="builtins.str",
        digest=digest_of(data),
        size=len(data),
        payload=data,
        meta='{"length":1}',
    )


def blob(data: bytes, form: str = "blob") -> Content:
    """A large value, whose bytes are elsewhere."""
    return Content(materializer="numpy", type="numpy.ndarray", digest=digest_of(data), size=len(data), form=form)


def new_version(artifact: str = "model", data: bytes = b"1", **given: Any) -> NewVersion:
    """A version to be made."""
    return NewVersion(id=uuid4(), artifact=artifact, content=given.pop("content", None) or inline(data), **given)


def finished(step: int = 0, *outputs: NewVersion | int | Content, **given: Any) -> TaskFinished:
    """A task that went well."""
    usual: dict[str, Any] = {"status": Status.COMPLETED, "started": at(1), "ended": at(2)}
    named = tuple(Output(name=f"out{number}", value=value) for number, value in enumerate(outputs))
    return TaskFinished(step=step, outputs=named, **(usual | given))


def step_end(index: int = 0, **given: Any) -> StepFinished:
    """A step that went well."""
    usual: dict[str, Any] = {"status": Status.COMPLETED, "ended": at(3), "duration": 1.5}
    return StepFinished(index=index, **(usual | given))


END = RunFinished(status=Status.COMPLETED, ended=at(9), duration=8.5)


def begun(record: Record, *steps: NewStep, **given: Any) -> tuple[Run, Fence]:
    """A running run with its steps planned."""
    return record.begin_run(new_run(**given), also=[StepsPlanned(steps=steps or (new_step(),))])


def done(
    record: Record,
    *outputs: NewVersion | int | Content,
    key: bytes | None = None,
    looked_up: tuple[LookedUp, ...] = (),
    **given: Any,
) -> Run:
    """A completed run of one step."""
    run, fence = begun(record, **given)
    task = finished(0, *outputs, key=key, looked_up=looked_up)
    changes: list[Change] = [StepStarted(index=0, at=at(1)), task, step_end(), END]
    record.commit(changes, fence=fence)
    return record.run(run.seq)


def ask(
    record: Record, noun: str, *conditions: tuple[str, str, object] | Filter, any: bool = False, **given: Any
) -> list[int]:
    """Sequences of the answers, in order. All conditions must hold, or with ``any`` one of them."""
    parts = tuple(Condition(one[0], Operator(one[1]), one[2]) if isinstance(one, tuple) else one for one in conditions)
    query = Query(noun=noun, conditions=(AnyOf(parts),) if any else parts, **given)
    page = record.select(query)
    assert record.count(query) >= len(page.items)
    return [noun.id if not hasattr(noun, "seq") else noun.seq for noun in page.items]


def walk(record: Record, noun: str, *conditions: Filter, **given: Any) -> list[int]:
    """Sequences of all answers, in order, page after page."""
    query = Query(noun=noun, conditions=conditions, **given)
    found: list[int] = []
    while True:
        page = record.select(query)
        found += [noun.id if not hasattr(noun, "seq") else noun.seq for noun in page.items]
        if page.cursor is None:
            return found
        assert len(page.items) == query.limit
        query = changed(query, after=page.cursor)
