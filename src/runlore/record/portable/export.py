"""Export: one finished run of a record as a folder (`docs/design/export.md`)."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from runlore.errors import AlreadyExists, ArtifactCorrupt, ArtifactMissing, NotFound, StoreError
from runlore.model.artifact import Content, Edge, Version
from runlore.model.digest import digest_of
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.metric import Metric, Points
from runlore.model.run import Failure, Run, Step, Task
from runlore.record.blobs.port import Blobs
from runlore.record.blobs.tree import decode_tree
from runlore.record.port import Record
from runlore.record.prune import named_by

FORMAT = "runlore-run-1"
MANIFEST = "manifest.json"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def blob_path(folder: Path, digest: str) -> Path:
    """Where the bytes with this digest are in an export."""
    algorithm, _, digits = digest.partition(":")
    return folder / "blobs" / algorithm / digits[:2] / digits


class Exporter:
    """Writes exports of one record."""

    def __init__(self, record: Record, blobs: Blobs) -> None:
        self._record = record
        self._blobs = blobs

    def export(
        self, run: Run, pathspec: str, folder: Path, *, artifacts: bool = True, only: Collection[str] | None = None
    ) -> Path:
        """Write ``run`` to ``folder``, which must be empty or not there; return it.

        Args:
            pathspec: what the run is called in errors.
            artifacts: False leaves all bytes of artifacts out.
            only: names of the artifacts whose bytes go along; by default all.

        Raises:
            AlreadyExists: something is there.
            StoreError: the run has not ended, or no folder can be made there.
            NotFound: the run has no artifact of a name in ``only``.
            ArtifactMissing, ArtifactCorrupt: bytes that should go along are not there, or damaged.
        """
        if not run.status.finished:
            raise StoreError(f"Run {pathspec} is running; it can be exported once it has ended.")
        folder = folder.absolute()
        _refuse_taken(folder)
        draft = folder.with_name(f".{folder.name[:100]}.{uuid4().hex[:8]}.part")
        try:
            draft.mkdir(parents=True)
        except OSError as error:
            raise StoreError(f"No folder can be made at {folder}: {error.strerror}.") from error
        try:
            one = _OneRun(self._record, self._blobs, run, draft, artifacts, only)
            text = json.dumps(one.manifest(), indent=1, allow_nan=False)
            (draft / MANIFEST).write_text(text + "\n", encoding="ascii")
            _publish(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return folder


def _refuse_taken(folder: Path) -> None:
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir() or any(folder.iterdir())):
        raise AlreadyExists(f"Something is at {folder} already. An export goes into a folder that is new or empty.")


def _publish(draft: Path, folder: Path) -> None:
    _refuse_taken(folder)
    if folder.exists():
        folder.rmdir()
    draft.rename(folder)


class _OneRun:
    """The export of one run, into a folder that is not in its place yet."""

    def __init__(
        self, record: Record, blobs: Blobs, run: Run, folder: Path, artifacts: bool, only: Collection[str] | None
    ) -> None:
        self._record = record
        self._blobs = blobs
        self._run = run
        self._folder = folder
        self._artifacts = artifacts
        self._only = only
        #: `Version.seq` → version.
        self._versions: dict[int, Version] = {}
        self._places: dict[int, Run | None] = {}

    def manifest(self) -> dict[str, Any]:
        """Everything but bytes, which are written on the way."""
        run, seq = self._run, self._run.seq
        owner = Owner(kind=OwnerKind.RUN, seq=seq)
        steps = [self._step(step) for step in self._record.steps(seq)]
        # git's word on a run names blobs, such as the difference to its commit
        for digest in (run.environment, *_DIGEST.findall(run.config)):
            if digest is not None:
                self._keep(digest)
        if run.code is not None:
            self._keep(run.code)
            for digest in named_by(run.code, "code", self._blobs) if self._blobs.has(run.code) else ():
                self._keep(digest)
        told = _filled(
            id=str(run.id), pipeline=run.pipeline, pipeline_version=run.pipeline_version, number=run.number,
            name=run.name, status=str(run.status), created=_time(run.created), ended=_time(run.ended),
            duration=run.duration, user=run.user, host=run.host, git_commit=run.git_commit,
            origin=None if run.origin is None else str(run.origin), parameters=run.parameters, config=run.config,
            outputs=run.outputs, trigger=run.trigger, environment=run.environment, code=run.code,
            failure=_failure(run.failure), **self._notes(owner), metrics=self._metrics(seq, None),
        )  # fmt: skip
        versions = [self._version(version) for _, version in sorted(self._versions.items())]
        self._require_only()
        return {
            "format": FORMAT,
            "exported": _time(datetime.now(UTC)),
            "run": told,
            "steps": steps,
            "versions": versions,
        }

    def _require_only(self) -> None:
        names = sorted({version.artifact for version in self._versions.values()})
        for name in self._only or ():
            if name not in names:
                raise NotFound(f"The run has no artifact {name!r}; it has {', '.join(names) or 'none'}.")

    # -- steps ---------------------------------------------------------------------------------------------------

    def _step(self, step: Step) -> dict[str, Any]:
        run, index = self._run.seq, step.index
        owner = Owner(kind=OwnerKind.STEP, seq=run, step=index)
        edges = self._record.edges(run, index)
        tasks = self._record.tasks(run, index)
        last = {task.item: task.attempt for task in tasks}
        return _filled(
            name=step.name, status=str(step.status), started=_time(step.started), ended=_time(step.ended),
            duration=step.duration, definition=self._record.definition(step.definition).body,
            parameters=step.parameters, config=step.config, upstream=list(step.upstream), mapped=step.tasks,
            cache_note=step.cache_note, origin=None if step.origin is None else self._origin((*step.origin, None)),
            edges=[self._edge(edge) for edge in edges if edge.item == -1],
            tasks=[self._task(task, _edges_of(edges, task, last[task.item])) for task in tasks],
            **self._notes(owner), metrics=self._metrics(run, index),
            logs=[self._log(run, index, item, attempt) for _, item, attempt in self._record.logged(run, index)],
            taken_over=self._taken_over(step, tasks),
        )  # fmt: skip

    def _task(self, task: Task, edges: Iterable[Edge]) -> dict[str, Any]:
        usage = task.usage
        looked_up = () if task.attempt else self._record.looked_up(task.run, task.step, task.item)
        return _filled(
            item=task.item, attempt=task.attempt, status=str(task.status), started=_time(task.started),
            ended=_time(task.ended), failure=_failure(task.failure),
            usage=_filled(wall=usage.wall, cpu=usage.cpu, memory=usage.memory, gpu_memory=usage.gpu_memory),
            origin=None if task.origin is None else self._origin(task.origin),
            edges=[self._edge(edge) for edge in edges],
            looked_up=[
                _filled(artifact=one.artifact, asked=one.asked, version=self._id_of(one.version)) for one in looked_up
            ],
        )  # fmt: skip

    def _edge(self, edge: Edge) -> dict[str, Any]:
        named = {"direction": edge.direction, "name": edge.name, "version": self._id_of(edge.version)}
        return named if edge.element is None else {**named, "element": edge.element}

    def _id_of(self, seq: int | None) -> str | None:
        if seq is None:
            return None
        if seq not in self._versions:
            try:
                self._versions[seq] = self._record.version(seq)
            except NotFound:  # it was pruned, and nothing is known of it
                return None
        return str(self._versions[seq].id)

    def _origin(self, origin: tuple[int, int, int | None]) -> dict[str, Any] | None:
        seq, step, item = origin
        run = self._run_at(seq)
        if run is None:
            return None
        names = {one.index: one.name for one in self._record.steps(seq)}
        pathspec = f"{run.pipeline}/{run.number}/{names.get(step, step)}"
        return _filled(run=str(run.id), step=step, item=item, pathspec=pathspec)

    def _run_at(self, seq: int) -> Run | None:
        if seq not in self._places:
            try:
                self._places[seq] = self._record.run(seq)
            except NotFound:  # it was deleted
                self._places[seq] = None
        return self._places[seq]

    def _taken_over(self, step: Step, tasks: Iterable[Task]) -> dict[str, Any]:
        """What is noted, measured and written at the origins of a step."""
        found: dict[str, Any] = {}
        if step.origin is not None and self._run_at(step.origin[0]) is not None:
            run, index = step.origin
            own = {entry.key for entry in self._record.metadata(Owner(kind=OwnerKind.STEP, seq=run, step=index))}
            owner = Owner(kind=OwnerKind.STEP, seq=self._run.seq, step=step.index)
            noted = [entry for entry in self._record.metadata(owner) if entry.key in own]
            found["metadata"] = [[one.key, one.value, _time(one.created)] for one in noted]
            found["metrics"] = self._metrics(run, index)
        logs = []
        for task in tasks:
            place = task.origin
            while place is not None and (origins := self._record.tasks(*place)[-1:]) and origins[0].origin is not None:
                place = origins[0].origin
            if place is not None and any(item == place[2] for _, item, _ in self._record.logged(*place[:2])):
                logs.append({**self._log(*place, None), "item": task.item, "attempt": task.attempt})
        found["logs"] = logs
        return _filled(**found)

    # -- notes ---------------------------------------------------------------------------------------------------

    def _notes(self, owner: Owner) -> dict[str, Any]:
        tags = self._record.tags(owner)
        # of a step that took its result over the record tells what its origin noted as well, which has no history here
        keys = dict.fromkeys(entry.key for entry in self._record.metadata(owner))
        entries = [entry for key in keys for entry in self._record.metadata_history(owner, key)]
        return {
            "tags": [tag.name for tag in tags if not tag.system],
            "system_tags": [tag.name for tag in tags if tag.system],
            "metadata": [[one.key, one.value, _time(one.created)] for one in sorted(entries, key=lambda e: e.created)],
            "notes": [_filled(text=one.text, at=_time(one.at), user=one.user) for one in self._record.notes(owner)],
        }

    def _log(self, run: int, step: int, item: int, attempt: int | None) -> dict[str, Any]:
        chunks = self._record.logs(run, step, item, attempt)
        text = "".join(chunk.text for chunk in chunks)
        return {"item": item, "attempt": attempt, "text": self._put(text.encode())}

    def _metrics(self, run: int, step: int | None) -> list[dict[str, Any]]:
        metrics = [metric for metric in self._record.metrics(run) if metric.step == step and metric.run == run]
        if not metrics:
            return []
        places = {(task.item, task.attempt) for task in (() if step is None else self._record.tasks(run, step))}
        # an attempt that never ended is no task
        places |= {(item, attempt + 1) for item, attempt in places} | {(0, 0)}
        series = []
        for metric in metrics:
            for item, attempt in sorted(places):
                points = self._record.points(run, metric.name, step=step, item=item, attempt=attempt)
                if points.values:
                    series.append((points.times[-1], _series(metric, item, attempt, self._put(_lines(points)))))
        # in the order in which they came to an end, so that the last of all is the last again
        return [told for _, told in sorted(series, key=lambda one: one[0])]

    # -- versions ------------------------------------------------------------------------------------------------

    def _version(self, version: Version) -> dict[str, Any]:
        content = version.content
        wanted = self._artifacts and (self._only is None or version.artifact in self._only)
        whole = wanted and not version.deleted and content.form != "registered"
        owner = Owner(kind=OwnerKind.VERSION, seq=version.seq)
        items = self._record.items(version.seq) if content.materializer == "collection" and whole else ()
        return _filled(
            id=str(version.id), artifact=version.artifact, version=version.version, created=_time(version.created),
            save_type=str(version.save_type), origin=None if version.origin is None else str(version.origin),
            content=self._content(content, whole),
            items=[self._content(item.content, whole) for item in items],
            pictures=self._pictures(version.seq) if whole else [], **self._notes(owner),
        )  # fmt: skip

    def _content(self, content: Content, whole: bool) -> dict[str, Any]:
        if whole and content.materializer != "collection":
            self._keep(content.digest, inline=content.form == "inline")
            if content.form == "tree":
                for file in decode_tree(self._blobs.read(content.digest), content.digest).files:
                    self._keep(file.digest)
        return {
            "materializer": content.materializer, "type": content.type, "artifact_type": content.artifact_type,
            "digest": content.digest, "size": content.size, "form": content.form, "meta": content.meta, "bytes": whole,
        }  # fmt: skip

    def _pictures(self, version: int) -> list[dict[str, Any]]:
        return [
            _filled(
                kind=one.kind, name=one.name, media_type=one.media_type, size=one.size,
                data=None if one.data is None else self._put(one.data),
            )
            for one in self._record.pictures(version)
        ]  # fmt: skip

    # -- bytes ---------------------------------------------------------------------------------------------------

    def _keep(self, digest: str, *, inline: bool = False) -> None:
        """Take along the bytes with this digest, wherever the record has them."""
        if blob_path(self._folder, digest).exists():
            return
        payload = self._record.payload(digest)
        if payload is None and inline:
            raise ArtifactMissing(
                f"The payload {digest} is not in the record. Export without artifacts (--no-artifacts), or others only."
            )
        if payload is None:
            target = self._place(digest)
            shutil.copyfile(self._blobs.path(digest), target)
        elif self._put(payload) != digest:
            raise ArtifactCorrupt(f"The payload {digest} in the record is damaged: its bytes have another digest.")

    def _put(self, data: bytes) -> str:
        digest = digest_of(data)
        path = self._place(digest)
        if not path.exists():
            path.write_bytes(data)
        return digest

    def _place(self, digest: str) -> Path:
        path = blob_path(self._folder, digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _edges_of(edges: Iterable[Edge], task: Task, last: int) -> Iterable[Edge]:
    """The edges of an attempt: what it saved by hand, and of the last one all the rest."""
    for edge in edges:
        if edge.item == task.item and task.attempt == (edge.position >> 16 if edge.direction == "saved" else last):
            yield edge


def _series(metric: Metric, item: int, attempt: int, points: str) -> dict[str, Any]:
    return {"name": metric.name, "item": item, "attempt": attempt, "points": points}


def _lines(points: Points) -> bytes:
    lines = (
        f"{at} {'-' if progress is None else progress} {float(value)!r}\n"
        for at, progress, value in zip(points.times, points.progress, points.values, strict=True)
    )
    return "".join(lines).encode()


def _micros(moment: datetime) -> int:
    past = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def _failure(failure: Failure | None) -> list[str] | None:
    if failure is None:
        return None
    parts = [failure.type, failure.message, failure.traceback]
    return parts if failure.state is None else [*parts, failure.state]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def _filled(**members: Any) -> dict[str, Any]:
    """Members that say something."""
    return {name: value for name, value in members.items() if value is not None and value != [] and value != {}}
