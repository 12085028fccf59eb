"""From rows to nouns. Column order is that of ``read.sql``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runlore.model.artifact import Alias, Artifact, Content, Edge, Item, KeptPicture, LookedUp, SaveType, Version
from runlore.model.metadata import Entry, Note, Tag
from runlore.model.metric import Metric
from runlore.model.run import Definition, Event, Failure, Lease, LogChunk, Pipeline, Run, Step, Task, Usage
from runlore.model.status import CODES
from runlore.record.sql.kinds import OWN
from runlore.record.sql.text import from_digest, from_uid, moment, to_moment, unpack, unpack_digest

if TYPE_CHECKING:
    from runlore.model.change import NewRun

#: Positions are stored: only ever append.
FORMS = ("inline", "blob", "tree", "registered")
WAYS = ("input", "output", "saved", "looked-up")
SAVE_TYPES = tuple(SaveType)
_NAN = float("nan")


def pack_failure(failure: Failure | None) -> str | None:
    """An exception as a JSON list."""
    if failure is None:
        return None
    parts = [failure.type, failure.message, failure.traceback]
    return json.dumps(parts if failure.state is None else [*parts, failure.state])


def unpack_failure(text: str | None) -> Failure | None:
    """Undo `pack_failure`."""
    if text is None:
        return None
    type_, message, traceback, *rest = json.loads(text)
    return Failure(type=type_, message=message, traceback=traceback, state=rest[0] if rest else None)


def to_pipeline(row: Any) -> Pipeline:
    id_, name, version, runs, last_number, created = row
    return Pipeline(id=id_, name=name, version=version, runs=runs, last_number=last_number, created=moment(created))


def to_run(row: Any) -> Run:
    return Run(
        seq=row[0],
        id=UUID(bytes=row[1]),
        pipeline=row[2],
        pipeline_version=row[3],
        number=row[4],
        name=row[5],
        status=CODES[row[6]],
        created=moment(row[7]),
        ended=to_moment(row[8]),
        duration=row[9],
        parameters=unpack(row[10]),
        config=unpack(row[11]),
        environment=from_digest(row[12]),
        code=from_digest(row[13]),
        user=None if row[14] is None else unpack(row[14]),
        host=None if row[15] is None else unpack(row[15]),
        git_commit=row[16],
        origin=from_uid(row[17]),
        trigger=None if row[18] is None else unpack(row[18]),
        failure=unpack_failure(row[19]),
        outputs=unpack(row[20]),
    )


def to_new_run(row: Any, new: NewRun) -> Run:
    """As `to_run`, for a run just made of ``new``: what it was given need not be read from its row."""
    return Run(
        seq=row[0],
        id=new.id,
        pipeline=row[2],
        pipeline_version=row[3],
        number=row[4],
        name=row[5],
        status=CODES[row[6]],
        created=new.created.astimezone(UTC),
        ended=to_moment(row[8]),
        duration=row[9],
        parameters=new.parameters,
        config=unpack(row[11]),
        environment=from_digest(row[12]),
        code=from_digest(row[13]),
        user=new.user,
        host=new.host,
        git_commit=row[16],
        origin=new.origin,
        trigger=new.trigger,
        failure=unpack_failure(row[19]),
        outputs=unpack(row[20]),
    )


def to_artifact(row: Any) -> Artifact:
    return Artifact(id=row[0], name=row[1], versions=row[2], created=moment(row[3]))


def to_content(row: Any) -> Content:
    materializer, type_, artifact_type, digest, size, form, payload, meta = row
    return Content(
        materializer=materializer,
        type=type_,
        artifact_type=artifact_type,
        digest=unpack_digest(digest),
        size=size,
        form=FORMS[form],
        payload=payload,
        meta=unpack(meta),
    )


def element_code(element: int | None) -> int:
    """Which element of a collection, or that it is the version itself, as ``picture`` has it."""
    return -1 if element is None else element


def to_pictures(found: Iterable[Any]) -> tuple[KeptPicture, ...]:
    """Pictures from their rows; none if the bytes of one are missing or damaged."""
    rows = list(found)
    if not rows:
        return ()
    from runlore.model.digest import digest_of  # most of what is shown has no pictures yet

    pictures = []
    for kind, name, media_type, size, digest, data in rows:
        if digest is not None and (data is None or digest_of(data) != unpack_digest(digest)):
            return ()
        pictures.append(KeptPicture(kind=kind, name=unpack(name), media_type=media_type, size=size, data=data))
    return tuple(pictures)


def to_version(row: Any) -> Version:
    return Version(
        seq=row[0],
        id=UUID(bytes=row[1]),
        artifact=row[2],
        version=str(row[3]) if row[4] is None else row[4],
        created=moment(row[5]),
        save_type=SAVE_TYPES[row[6]],
        content=to_content(row[7:15]),
        producer=None if row[15] is None else (row[15], row[16], row[17], row[18]),
        origin=from_uid(row[19]),
        deleted=bool(row[20]),
    )


def to_item(row: Any) -> Item:
    return Item(index=row[0], content=to_content(row[1:9]))


def to_step(row: Any) -> Step:
    upstream = row[9]
    return Step(
        run=row[0],
        index=row[1],
        name=row[2],
        definition=row[3],
        status=CODES[row[4]],
        started=to_moment(row[5]),
        ended=to_moment(row[6]),
        duration=row[7],
        parameters=unpack(row[8]),
        upstream=tuple(map(int, upstream.split(","))) if upstream else (),
        origin=None if row[10] is None else (row[10], row[11]),
        tasks=row[12],
        config=unpack(row[13]),
        cache_note=None if row[14] is None else unpack(row[14]),
    )


def to_task(row: Any) -> Task:
    return Task(
        run=row[0],
        step=row[1],
        item=row[2],
        attempt=row[3],
        status=CODES[row[4]],
        started=to_moment(row[5]),
        ended=to_moment(row[6]),
        key=row[7],
        failure=unpack_failure(row[8]),
        usage=Usage(wall=row[9], cpu=row[10], memory=row[11], gpu_memory=row[12]),
        origin=None if row[13] is None else (row[13], row[14], row[15]),
    )


def to_edge(row: Any) -> Edge:
    run, step, item, way, position, name, version, element = row
    return Edge(
        run=run,
        step=step,
        item=item,
        direction=WAYS[way],
        position=position,
        name=unpack(name),
        version=version,
        element=element,
    )


def to_looked_up(row: Any) -> LookedUp:
    artifact, asked, version, code = row
    asked = None if asked is None else unpack(asked)
    return LookedUp(artifact=unpack(artifact), asked=asked, version=version, code=code)


def to_entry(row: Any) -> Entry:
    return Entry(key=row[0], value=unpack(row[1]), created=moment(row[2]))


def to_note(row: Any) -> Note:
    text, user, at = row
    return Note(text=None if text is None else unpack(text), at=moment(at), user=None if user is None else unpack(user))


def to_tag(row: Any) -> Tag:
    return Tag(name=row[0], system=bool(row[1]))


def to_metric(row: Any) -> Metric:
    run, step, name, count, *values = row
    last, least, most = [_NAN if value is None else value for value in values]
    own = None if step == OWN else step
    return Metric(run=run, step=own, name=unpack(name), count=count, last=last, min=least, max=most)


def to_alias(row: Any) -> Alias:
    artifact, name, version, at = row
    return Alias(artifact=artifact, name=name, version=version, at=moment(at))


def to_definition(row: Any) -> Definition:
    return Definition(id=row[0], digest=row[1], body=unpack(row[2]))


def to_log(row: Any) -> LogChunk:
    return LogChunk(step=row[0], item=row[1], attempt=row[2], part=row[3], text=unpack(row[4]))


def to_event(row: Any) -> Event:
    seq, run, step, item, status, at = row
    return Event(seq=seq, run=run, step=step, item=item, status=CODES[status], at=moment(at))


def to_lease(row: Any) -> Lease:
    return Lease(
        run=row[0],
        run_id=UUID(bytes=row[1]),
        token=row[2],
        host=row[3],
        boot=row[4],
        pid=row[5],
        born=row[6],
        beat=to_moment(row[7]),
    )
