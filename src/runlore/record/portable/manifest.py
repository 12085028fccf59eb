"""Manifest: an exported run as values, read and checked before anything is written (`docs/design/export.md`)."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from runlore.errors import ExportInvalid
from runlore.model.artifact import Content, SaveType
from runlore.model.digest import is_digest
from runlore.model.log import parse_log
from runlore.model.metadata import Note
from runlore.model.metric import Points
from runlore.model.name import checked_metadata_key, checked_name, checked_run_name, checked_step_id, checked_version
from runlore.model.noun import noun
from runlore.model.run import Failure, Usage
from runlore.model.status import Status
from runlore.record.portable.export import FORMAT, MANIFEST, blob_path
from runlore.record.portable.fields import MOST_BYTES, Fields, decoded, time_of

#: Bytes of a manifest, at most.
MOST_MANIFEST = 256 * 1024 * 1024
#: Bytes of a description that is kept in a row: log, metrics, pictures.
MOST_TEXT = 1024 * 1024 * 1024
_CHUNK = 1 << 20
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_FORMS = ("inline", "blob", "tree", "registered")


@noun
class Series:
    """One series of a metric."""

    name: str
    item: int
    attempt: int
    points: Points


@noun
class Noted:
    """What was noted on something: tags, metadata with its history, metrics."""

    tags: tuple[str, ...] = ()
    system_tags: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str, datetime], ...] = ()
    notes: tuple[Note, ...] = ()
    metrics: tuple[Series, ...] = ()


@noun
class LogText:
    """The log of one attempt."""

    item: int
    attempt: int
    text: str


@noun
class EdgeTold:
    """An input or output; ``version`` is an id."""

    direction: str
    name: str
    version: UUID
    element: int | None


@noun
class OriginTold:
    """Where something was taken over from."""

    run: UUID
    step: int
    item: int


@noun
class TaskTold:
    """One attempt."""

    item: int
    attempt: int
    status: Status
    started: datetime | None
    ended: datetime | None
    failure: Failure | None
    usage: Usage
    origin: OriginTold | None
    edges: tuple[EdgeTold, ...]
    looked_up: tuple[tuple[str, str | None, UUID | None], ...]


@noun
class StepTold:
    """One step."""

    name: str
    status: Status
    started: datetime | None
    ended: datetime | None
    duration: float | None
    definition: str
    parameters: str
    config: str
    upstream: tuple[int, ...]
    mapped: int | None
    cache_note: str | None
    origin: OriginTold | None
    edges: tuple[EdgeTold, ...]
    tasks: tuple[TaskTold, ...]
    noted: Noted
    logs: tuple[LogText, ...]
    #: What was noted, measured and written at its origin.
    taken_over: Noted
    taken_over_logs: tuple[LogText, ...]


@noun
class PictureTold:
    """A picture that was kept of a version."""

    kind: str
    name: str
    media_type: str | None
    size: int
    data: bytes | None


@noun
class VersionTold:
    """One artifact version."""

    id: UUID
    artifact: str
    version: str
    created: datetime
    save_type: SaveType
    origin: UUID | None
    content: Content
    #: Whether its bytes are in the export.
    whole: bool
    items: tuple[Content, ...]
    pictures: tuple[PictureTold, ...]
    noted: Noted


@noun
class Exported:
    """Everything in an export but the bytes of artifacts."""

    run: Fields
    noted: Noted
    steps: tuple[StepTold, ...]
    versions: tuple[VersionTold, ...]


class Folder:
    """An exported run in a folder. Files are reached by digest alone, never through a link, and hashed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exported(self) -> Exported:
        """Read the manifest, and what it says of logs, metrics and pictures. Raises `ExportInvalid`."""
        fields = self._manifest()
        versions = tuple(self._version(one) for one in fields.each("versions"))
        known = {version.id: version for version in versions}
        if len(known) != len(versions) or len({(one.artifact, one.version) for one in versions}) != len(versions):
            raise ExportInvalid("manifest.versions names a version twice. Nothing was imported.")
        steps = tuple(self._step(one, known) for one in fields.each("steps"))
        for position, step in enumerate(steps):
            if any(not 0 <= one < position for one in step.upstream):
                raise ExportInvalid(f"steps[{position}].upstream names no earlier step. Nothing was imported.")
        if len({step.name for step in steps}) != len(steps):
            raise ExportInvalid("manifest.steps has two steps of one name. Nothing was imported.")
        run = fields.within("run")
        run.text("pipeline", check=lambda name: checked_name("pipeline", name))
        run.text("name", check=checked_run_name)
        for name in ("parameters", "config"):
            run.typed(name)
        _check_outputs(run, len(steps))
        return Exported(run=run, noted=self._noted(run), steps=steps, versions=versions)

    def _manifest(self) -> Fields:
        path = self.path / MANIFEST
        try:
            data = b"".join(self._pieces(path, MOST_MANIFEST))
            body = json.loads(data)
        except FileNotFoundError:
            raise ExportInvalid(
                f"{self.path} is no exported run: there is no {MANIFEST} in it. One is made by "
                "`runlore run export RUN -o FOLDER`."
            ) from None
        except (ValueError, RecursionError) as error:
            raise ExportInvalid(f"{path} cannot be read as JSON: {error}. Nothing was imported.") from error
        fields = Fields(body, "manifest")
        if (given := body.get("format")) != FORMAT:
            raise ExportInvalid(
                f"{path} has the format {str(given)[:60]!r}, and this version of runlore reads {FORMAT!r}. "
                "A newer one may read it."
            )
        return fields

    # -- bytes ---------------------------------------------------------------------------------------------------

    def verify(self, digest: str) -> None:
        """Hash the file that should have this digest. Raises `ExportInvalid`."""
        for _ in self.pieces(digest):
            pass

    def pieces(self, digest: str, most: int = MOST_BYTES) -> Iterator[bytes]:
        """The bytes with this digest, piece by piece; `ExportInvalid` after the last one if they have another."""
        if not is_digest(digest):
            raise ExportInvalid(f"{digest[:80]!r} is no digest. Nothing was imported.")
        hashed = sha256()
        try:
            for piece in self._pieces(blob_path(self.path, digest), most):
                hashed.update(piece)
                yield piece
        except FileNotFoundError:
            raise ExportInvalid(
                f"The export names {digest}, which is not in its blobs. Nothing was imported."
            ) from None
        if f"sha256:{hashed.hexdigest()}" != digest:
            raise ExportInvalid(f"The file for {digest} in the export holds other bytes. Nothing was imported.")

    def read(self, digest: str) -> bytes:
        """All bytes with this digest, of what is small."""
        return b"".join(self.pieces(digest, MOST_TEXT))

    def _pieces(self, path: Path, most: int) -> Iterator[bytes]:
        folder = path.parent
        while folder != self.path:
            if folder.is_symlink():
                raise ExportInvalid(f"{folder} is a link; an export holds none. Nothing was imported.")
            folder = folder.parent
        try:
            if not stat.S_ISREG(path.lstat().st_mode):  # before opening: a pipe would never answer
                raise ExportInvalid(f"{path} is no regular file. Nothing was imported.")
            descriptor = os.open(path, os.O_RDONLY | _NO_LINK)
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(path) from None
        with open(descriptor, "rb", buffering=0) as file:
            left = most
            while piece := file.read(_CHUNK):
                left -= len(piece)
                if left < 0:
                    raise ExportInvalid(f"{path} is larger than {most} bytes. Nothing was imported.")
                yield piece

    # -- what the manifest says ----------------------------------------------------------------------------------

    def _noted(self, told: Fields) -> Noted:
        entries = []
        for where, one in told.items("metadata"):
            if not isinstance(one, list) or len(one) != 3:
                raise ExportInvalid(f"{where} should be a key, a value and a time. Nothing was imported.")
            entry = Fields({"key": one[0], "value": one[1]}, where)
            key = entry.text("key", check=checked_metadata_key)
            entries.append((key, entry.typed("value", object), time_of(one[2], where)))
        return Noted(
            tags=told.texts("tags", _tag), system_tags=told.texts("system_tags", _tag), metadata=tuple(entries),
            notes=tuple(
                Note(text=one.text_or_none("text"), at=one.time("at"), user=one.text_or_none("user"))
                for one in told.each("notes")
            ),
            metrics=tuple(self._series(one) for one in told.each("metrics")),
        )  # fmt: skip

    def _series(self, told: Fields) -> Series:
        return Series(
            name=told.text("name", check=checked_metadata_key), item=told.whole("item"), attempt=told.whole("attempt"),
            points=_points(self.read(told.digest("points")), told.where),
        )  # fmt: skip

    def _log(self, told: Fields) -> LogText:
        try:
            text = self.read(told.digest("text")).decode()
            for _ in parse_log(text):
                pass
        except (ValueError, OverflowError) as error:
            raise ExportInvalid(f"{told.where}.text is no log: {str(error)[:200]} Nothing was imported.") from error
        return LogText(item=told.whole("item"), attempt=told.whole("attempt", default=0), text=text)

    def _step(self, told: Fields, known: dict[UUID, VersionTold]) -> StepTold:
        taken = told.within_or_none("taken_over") or Fields({}, told.where)
        tasks = tuple(self._task(one, known) for one in told.each("tasks"))
        if len({(task.item, task.attempt) for task in tasks}) != len(tasks):
            raise ExportInvalid(f"{told.where}.tasks has an attempt twice. Nothing was imported.")
        return StepTold(
            name=told.text("name", check=checked_step_id), status=told.status("status"),
            started=told.time_or_none("started"), ended=told.time_or_none("ended"),
            duration=told.number_or_none("duration"), definition=told.json("definition"),
            parameters=told.typed("parameters"), config=told.typed("config"),
            upstream=tuple(Fields({"it": one}, where).whole("it") for where, one in told.items("upstream")),
            mapped=told.whole_or_none("mapped"), cache_note=told.text_or_none("cache_note"), origin=_origin(told),
            edges=_edges(told, known), tasks=tasks, noted=self._noted(told),
            logs=tuple(self._log(one) for one in told.each("logs")), taken_over=self._noted(taken),
            taken_over_logs=tuple(self._log(one) for one in taken.each("logs")),
        )  # fmt: skip

    def _task(self, told: Fields, known: dict[UUID, VersionTold]) -> TaskTold:
        usage = told.within_or_none("usage") or Fields({}, told.where)
        return TaskTold(
            item=told.whole("item"), attempt=told.whole("attempt"), status=told.status("status"),
            started=told.time_or_none("started"), ended=told.time_or_none("ended"), failure=failure_of(told),
            usage=Usage(
                wall=usage.number_or_none("wall"), cpu=usage.number_or_none("cpu"),
                memory=usage.whole_or_none("memory", most=MOST_BYTES),
                gpu_memory=usage.whole_or_none("gpu_memory", most=MOST_BYTES),
            ),
            origin=_origin(told), edges=_edges(told, known),
            looked_up=tuple(
                (
                    one.text("artifact", check=_artifact),
                    one.text_or_none("asked"),
                    _known(one, known) if one.has("version") else None,
                )
                for one in told.each("looked_up")
            ),
        )  # fmt: skip

    def _version(self, told: Fields) -> VersionTold:
        content, whole = _content(told.within("content"))
        items = [_content(one) for one in told.each("items")]
        if any(form.form == "registered" or not there for form, there in items):
            raise ExportInvalid(f"{told.where}.items have no bytes. Nothing was imported.")
        return VersionTold(
            id=told.id("id"), artifact=told.text("artifact", check=_artifact),
            version=told.text("version", check=checked_version), created=told.time("created"),
            save_type=SaveType(told.one_of("save_type", *SaveType)), origin=told.id_or_none("origin"),
            content=content, whole=whole, items=tuple(item for item, _ in items),
            pictures=tuple(self._picture(one) for one in told.each("pictures")), noted=self._noted(told),
        )  # fmt: skip

    def _picture(self, told: Fields) -> PictureTold:
        return PictureTold(
            kind=told.one_of("kind", "html", "image", "csv", "markdown", "json", "plot", "note"),
            name=told.text("name"), media_type=told.text_or_none("media_type"),
            size=told.whole("size", most=MOST_BYTES),
            data=self.read(told.digest("data")) if told.has("data") else None,
        )  # fmt: skip


def _check_outputs(run: Fields, steps: int) -> None:
    """What the body returned: name → step and output, by name or position."""
    for one in decoded(run.typed("outputs"), "run.outputs").values():
        pair = one if isinstance(one, list) and len(one) == 2 else (None, None)
        if type(pair[0]) is not int or not 0 <= pair[0] < steps or type(pair[1]) not in (int, str):
            raise run.wrong("outputs", "names with a step and one of its outputs")


def failure_of(told: Fields) -> Failure | None:
    """Class, message and traceback of a run or attempt, and what its exception can be made of again."""
    parts = told.texts("failure", str)
    if len(parts) not in (0, 3, 4):
        raise told.wrong("failure", "a class, a message and a traceback, and perhaps a state")
    if not parts:
        return None
    type_, message, traceback, *state = parts
    if state:
        decoded(state[0], f"{told.where}.failure")
    return Failure(type=type_, message=message, traceback=traceback, state=state[0] if state else None)


def _artifact(name: Any) -> str:
    return checked_name("artifact", name, slash=True)


def _tag(name: Any) -> str:
    return checked_name("tag", name, slash=True)


def _origin(told: Fields) -> OriginTold | None:
    origin = told.within_or_none("origin")
    if origin is None:
        return None
    return OriginTold(run=origin.id("run"), step=origin.whole("step"), item=origin.whole("item", default=0))


def _known(told: Fields, known: dict[UUID, VersionTold]) -> UUID:
    id = told.id("version")
    if id not in known:
        raise told.wrong("version", "the id of one of its versions")
    return id


def _edges(told: Fields, known: dict[UUID, VersionTold]) -> tuple[EdgeTold, ...]:
    return tuple(
        EdgeTold(
            direction=one.one_of("direction", "input", "output", "saved"), name=one.text("name"),
            version=_known(one, known), element=one.whole_or_none("element"),
        )
        for one in told.each("edges")
    )  # fmt: skip


def _content(told: Fields) -> tuple[Content, bool]:
    content = Content(
        materializer=told.text("materializer"), type=told.text("type"), artifact_type=told.text("artifact_type"),
        digest=told.digest("digest"), size=told.whole("size", most=MOST_BYTES), form=told.one_of("form", *_FORMS),
        meta=told.typed("meta"),
    )  # fmt: skip
    return content, told.flag("bytes") and content.form != "registered"


def _points(data: bytes, where: str) -> Points:
    values: list[float] = []
    counted: list[int | None] = []
    times: list[int] = []
    for line in data.split(b"\n"):
        if not line:
            continue
        try:
            at, progress, value = line.decode("ascii").split(" ")
            datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(at))
            times.append(int(at))
            counted.append(None if progress == "-" else int(progress))
            values.append(float(value))
        except (ValueError, OverflowError):
            raise ExportInvalid(
                f"{where}.points has the line {line[:60]!r}, no time, progress and value. Nothing was imported."
            ) from None
    return Points(values=values, progress=counted, times=times)
