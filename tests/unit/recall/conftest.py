"""A record with runs in it, filled through the port, so that recall is tested apart from execution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from runlore.model.artifact import SaveType
from runlore.model.change import (
    Input,
    LogWritten,
    NewRun,
    NewStep,
    NewVersion,
    Output,
    RunFinished,
    StepFinished,
    StepsPlanned,
    TaskFinished,
    VersionSaved,
)
from runlore.model.run import Failure, Fence, Run
from runlore.model.status import Status
from runlore.recall.client import Client
from runlore.record.vault import collection_of
from runlore.settings import Settings
from runlore.values.codec import encode
from runlore.workspace import Workspace

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@dataclass
class Book:
    """Writes runs of a pipeline whose steps ``load`` and ``train`` make ``data`` and ``model``."""

    workspace: Workspace
    written: int = 0
    data: dict[UUID, UUID] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        return self.workspace.client

    def begin(self, pipeline: str = "training", *, name: str | None = None, **given: Any) -> tuple[Run, Fence]:
        """Begin a run; each is created an hour after the one before."""
        self.written += 1
        parameters = given.pop("parameters", {"lr": 0.1})
        return self.workspace.record.begin_run(
            NewRun(
                # begins with f: no number in a test is the beginning of an id by chance
                id=given.pop("id", None) or UUID(int=uuid4().int | 0xF << 124),
                pipeline=pipeline,
                fingerprint=b"f" * 32,
                definition="{}",
                name=name or f"{pipeline}-{self.written}",
                name_given=name is not None,
                created=START + timedelta(hours=self.written),
                parameters=encode(parameters),
                facts=tuple(parameters.items()),
                **given,
            )
        )

    def run(self, pipeline: str = "training", *, status: Status = Status.COMPLETED, **given: Any) -> Run:
        """Write a whole run with steps ``load`` → ``train``."""
        value = given.pop("value", self.written)
        run, fence = self.begin(pipeline, **given)
        data, model = uuid4(), uuid4()
        now = run.created
        failed = status is Status.FAILED
        changes: list[Any] = [
            StepsPlanned(steps=(_step(0, "load"), _step(1, "train", upstream=(0,), parameters=encode({"lr": 0.1})))),
            self._task(0, now, outputs=(self._output("data", data, [value]),)),
            StepFinished(index=0, status=Status.COMPLETED, ended=now, duration=0.5),
            LogWritten(step=0, item=0, attempt=0, part=0, text="1000000 o reading\n2000000 e a\\nb\\\\ \\u2028\n"),
        ]
        if failed:
            failure = Failure(type="builtins.ValueError", message="too hot", traceback="Traceback …")
            changes += [
                self._task(1, now, status=Status.FAILED, failure=failure),
                StepFinished(index=1, status=Status.FAILED, ended=now),
            ]
        else:
            made = self._output("model", model, {"weight": value})
            changes += [
                self._task(1, now, inputs=(Input(name="data", version=data),), outputs=(made,)),
                StepFinished(index=1, status=Status.COMPLETED, ended=now, duration=1.5),
            ]
        outputs = "{}" if failed else encode({"model": [1, 0]})
        changes.append(RunFinished(status=status, ended=now + timedelta(seconds=2), duration=2.0, outputs=outputs))
        self.workspace.record.commit(changes, fence=fence)
        return self.workspace.record.run(run.seq)

    def mapped(self, values: Sequence[Any]) -> Run:
        """Write a run whose only step ``square`` is mapped over ``values``."""
        run, fence = self.begin("squares")
        now = run.created
        contents = [self.workspace.vault.store(value) for value in values]
        changes: list[Any] = [StepsPlanned(steps=(_step(0, "square", tasks=len(values)),))]
        for index, content in enumerate(contents):
            changes.append(self._task(0, now, item=index, outputs=(Output(name="output", value=content),)))
        whole = NewVersion(id=uuid4(), artifact="squares", content=collection_of(contents))
        changes.append(
            StepFinished(index=0, status=Status.COMPLETED, ended=now, outputs=(Output(name="output", value=whole),))
        )
        changes.append(RunFinished(status=Status.COMPLETED, ended=now))
        self.workspace.record.commit(changes, fence=fence)
        return run

    def save(self, name: str, value: Any, version: str | None = None) -> None:
        """Save a version by hand."""
        content = self.workspace.vault.store(value)
        made = NewVersion(id=uuid4(), artifact=name, content=content, save_type=SaveType.MANUAL, version=version)
        self.workspace.record.commit([VersionSaved(version=made)])

    def _output(self, name: str, identity: UUID, value: Any) -> Output:
        content = self.workspace.vault.store(value)
        return Output(name=name, value=NewVersion(id=identity, artifact=name, content=content))

    def _task(self, step: int, at: datetime, **given: Any) -> TaskFinished:
        given.setdefault("status", Status.COMPLETED)
        return TaskFinished(step=step, started=at, ended=at, **given)


def _step(index: int, name: str, **given: Any) -> NewStep:
    return NewStep(index=index, name=name, definition="{}", definition_digest=sha256(b"{}").digest(), **given)


class _Reading(HTMLParser):
    """Elements with their attributes, as the standard library reads them; fails where they are not well formed."""

    #: Elements without an end tag.
    VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        self.found.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> ends {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="session")
def read_html() -> Callable[[str], tuple[list[tuple[str, dict[str, str]]], str]]:
    """Read HTML that is well formed: every element with its attributes, and the text."""

    def read(text: str) -> tuple[list[tuple[str, dict[str, str]]], str]:
        reading = _Reading()
        reading.feed(text)
        reading.close()
        assert reading.open == []
        return reading.found, "".join(reading.text)

    return read


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """An empty record to write in."""
    workspace = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    yield Book(workspace)
    workspace.close()
