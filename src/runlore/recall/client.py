"""Client: the way to everything that was ever recorded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from runlore.author import current
from runlore.author.reads import note_read
from runlore.errors import Ambiguous, NamespaceMismatch, NotFound, PathspecInvalid, QueryInvalid, StoreError
from runlore.model import run as model
from runlore.model.artifact import Version
from runlore.model.name import RUN_ALIASES
from runlore.model.noun import noun
from runlore.model.pathspec import ARTIFACT_PREFIX, ArtifactPath, RunPath, parse_pathspec
from runlore.model.query import Condition, Filter, Operator
from runlore.recall.artifact import Artifact
from runlore.recall.container import COMPLETIONS, Container
from runlore.recall.lookup import ambiguous, made_in_body
from runlore.recall.namespace import checked_namespace, namespace_in_force
from runlore.recall.pipeline import Pipeline
from runlore.recall.place import Place
from runlore.recall.reader import Reader
from runlore.recall.run import Run
from runlore.recall.step import Step
from runlore.recall.task import Task
from runlore.recall.version import ArtifactVersion

if TYPE_CHECKING:
    from runlore.author.pipeline import Pipeline as Declared
    from runlore.model.pruning import Pruned, Unused
    from runlore.recall.compare.comparison import Comparison
    from runlore.recall.listing import Listing

#: The label of an element: that of its collection and its position.
_ELEMENT = re.compile(r"(.+)\[(\d{1,9})\]")


@noun
class ArtifactStore:
    """Where files belong that are to be registered as artifacts."""

    path: str


@noun
class Stack:
    """The places that work and results go to."""

    artifact_store: ArtifactStore


class Client(Container[Pipeline]):
    """Reads everything that was recorded: in the current workspace, in the given one, or in the record at a path.

    It is a container of pipelines, oldest first; in brackets it takes any pathspec: ``client["training/12/train"]``.

    Lists are lazy and complete; handles are live. Filters are keyword arguments: a value, a list of values,
    ``"op:value"`` or ``">=value"``; or a text: ``where="status = failed and created > -7d"``. ``sort_by`` is any field,
    such as ``"desc:metrics.loss"``. Whatever is not known raises `QueryInvalid` and says what is.
    """

    def __init__(
        self,
        workspace: Place | str | PathLike[str] | None = None,
        *,
        namespace: str | None | EllipsisType = ...,
    ) -> None:
        """Look at a workspace through a namespace: a tag of runs, or ``None`` for everything.

        Not given, the namespace is that of `use_namespace`, else that of the settings. Raises `NameInvalid` for what
        can be no tag, `ConfigurationError` for what is no workspace.
        """
        if workspace is None:
            place = current.workspace()
        else:
            place = workspace if hasattr(workspace, "settings") else current.workspace_at(workspace)
        looking = namespace_in_force(place.settings) if isinstance(namespace, EllipsisType) else namespace
        self._reader = Reader(place, self, checked_namespace(looking))

    @property
    def namespace(self) -> str | None:
        """The tag that it looks through: it sees only runs that have it, and their pipelines. ``None``: everything."""
        return self._reader.namespace

    def in_namespace(self, namespace: str | None) -> Client:
        """Return a client of the same record that looks through another namespace; ``None`` is everything."""
        return Client(self._reader.place, namespace=namespace)

    @property
    def workspace(self) -> Any:
        """The workspace that is looked at."""
        return self._reader.place

    @property
    def active_stack(self) -> Stack:
        """``active_stack.artifact_store.path`` is a folder for files that `register_artifact` shall record."""
        folder: Path = self._reader.place.settings.files
        folder.mkdir(parents=True, exist_ok=True)
        return Stack(artifact_store=ArtifactStore(path=str(folder)))

    # -- pipelines -----------------------------------------------------------------------------------------------

    def get_pipeline(self, name_id_or_prefix: str | int, *, allow_name_prefix_match: bool = True) -> Pipeline:
        """The pipeline of this name, number or, unless that is switched off, unique beginning of a name."""
        note_read(f"pipeline {name_id_or_prefix!r}")
        return self._reader.pipeline(self._reader.lookup.pipeline(name_id_or_prefix, prefix=allow_name_prefix_match))

    def list_pipelines(self, **filters: Any) -> Listing[Pipeline]:
        """All pipelines, oldest first unless ``sort_by`` says otherwise."""
        listing: Listing[Pipeline] = self._reader.list("pipeline", filters)
        return listing

    @property
    def pipelines(self) -> Listing[Pipeline]:
        """All pipelines, oldest first."""
        return self.list_pipelines()

    # -- runs ----------------------------------------------------------------------------------------------------

    def get_pipeline_run(self, name_id_or_prefix: str | int | UUID, *, pipeline: str | None = None) -> Run:
        """The run of this name or id, unique beginning of either, number with ``pipeline``, or ``training/12``."""
        return self._reader.run_called(name_id_or_prefix, pipeline)

    def list_pipeline_runs(self, **filters: Any) -> Listing[Run]:
        """All runs, newest first unless ``sort_by`` says otherwise.

        ``run_metadata=["accuracy:gte:0.9"]`` also finds a run by what its steps noted, unless the run itself has a
        note under that key, which then counts alone.
        """
        listing: Listing[Run] = self._reader.list("run", filters)
        return listing

    def runs(self, pipeline: str | Pipeline | Declared | None = None, **filters: Any) -> Listing[Run]:
        """Runs of one pipeline, or of all; newest first. ``.to_frame()`` gives a table of them.

        The pipeline is given by its name, as a handle, or as what ``@pipeline`` made of a function.
        """
        if pipeline is None:
            return self.list_pipeline_runs(**filters)
        asked: Any = pipeline
        name = self._reader.lookup.pipeline(getattr(asked, "name", asked)).name
        listing: Listing[Run] = self._reader.list("run", filters, Condition("pipeline", Operator.EQ, name))
        return listing

    def compare(self, *runs: str | int | UUID | Run) -> Comparison:
        """What is different between runs, given as handles or as `get_pipeline_run` takes them; see `Run.diff`."""
        found = [self._reader.run_called(run) for run in runs]
        if not found:
            raise QueryInvalid("A comparison is of two or more runs, not of 0.")
        return found[0].diff(*found[1:])

    def run_of(self, noun: model.Run) -> Run:
        """The handle of a run that the caller has at hand as the record gave it."""
        note_read(f"run {noun.pipeline}/{noun.number}")
        return self._reader.run(noun)

    def version_of(self, noun: Version) -> ArtifactVersion:
        """The handle of an artifact version that the caller has at hand as the record gave it."""
        return self._reader.version(noun)

    def delete_run(self, name_id_or_prefix: str | int | UUID) -> tuple[Unused, ...]:
        """Delete a finished run; return the versions that nothing refers to any more, which stay until they are pruned.

        Raises `StoreError` while the run is running.
        """
        return self.delete_runs([self.get_pipeline_run(name_id_or_prefix)])

    def delete_runs(self, runs: Iterable[Run]) -> tuple[Unused, ...]:
        """As `delete_run`, for several; none is deleted if one of them is running."""
        from runlore.model.pruning import Pruning  # see `prune_artifacts`

        runs = list(runs)
        running = [run.pathspec for run in runs if not run.finished]
        if running:
            raise StoreError(
                f"{', '.join(running)} is running; it can be deleted once it has ended. Nothing was deleted."
            )
        record = self._reader.record
        named: set[int] = set()
        for run in runs:
            named.update(edge.version for edge in record.edges(run.seq))
            run.delete()
        return tuple(one for one in record.prunable(Pruning()).versions if one.seq in named) if named else ()

    def delete_pipeline_run(self, name_id_or_prefix: str | int | UUID) -> None:
        """Delete a finished run; the artifact versions that it made stay."""
        self.get_pipeline_run(name_id_or_prefix).delete()

    def import_run(self, path: str | os.PathLike[str]) -> Run:
        """Read the run in the folder ``path``, which `Run.export` wrote, into this record; return it.

        It comes wholly or not at all, and nothing of it is executed. It gets the next number of its pipeline, and a
        suffix to its name if that is taken; a version keeps its label if that is free. A run that is here already is
        returned as it is. Pickles in it load with ``trust=True`` only.

        Raises:
            ExportInvalid: the folder is no exported run, is damaged or was tampered with. Nothing was imported.
        """
        from runlore.recall.portable import import_run  # not imported by who only reads

        return import_run(self._reader, path)[0]

    # -- artifacts -----------------------------------------------------------------------------------------------

    def get_artifact(self, name_id_or_prefix: str | int) -> Artifact:
        """The artifact of this name, number or unique beginning of a name."""
        note_read(f"artifact {name_id_or_prefix!r}")
        return self._reader.artifact(self._reader.lookup.artifact(name_id_or_prefix))

    def list_artifacts(self, **filters: Any) -> Listing[Artifact]:
        """All artifacts, oldest first unless ``sort_by`` says otherwise."""
        listing: Listing[Artifact] = self._reader.list("artifact", filters)
        return listing

    @property
    def artifacts(self) -> Listing[Artifact]:
        """All artifacts, oldest first."""
        return self.list_artifacts()

    def get_artifact_version(self, name_id_or_prefix: str | UUID, version: str | int | None = None) -> ArtifactVersion:
        """A version by its artifact's name and label or alias (the newest without one), or by its own id.

        The unique beginning of a name or id will do: ``("model")``, ``("model", "3")``, ``("model", "production")``; so
        will a version's pathspec, ``("artifact:model@3")``, or that of an element, ``("artifact:scores@3[0]")``.
        In a pipeline's body, the newest version of what an earlier step of the body makes is that step's output.
        """
        if version is None and isinstance(name_id_or_prefix, str) and name_id_or_prefix.startswith(ARTIFACT_PREFIX):
            path = parse_pathspec(name_id_or_prefix)
            if isinstance(path, ArtifactPath):
                name_id_or_prefix, version = path.name, path.version
        made_here = made_in_body(name_id_or_prefix, version)
        if made_here is not None:
            return cast(ArtifactVersion, made_here)
        try:
            return self._reader.version(self._reader.lookup.version(name_id_or_prefix, version))
        except NotFound:
            element = _ELEMENT.fullmatch(str(version))
            if element is None:
                raise
        collection = self._reader.version(self._reader.lookup.version(name_id_or_prefix, element[1]))
        position = int(element[2])
        taken = () if collection.is_collection else self._reader.record.consumers(collection.seq)
        if any(edge.element == position for edge in taken):  # of a plain list, what a mapped step took is known
            return self._reader.version_at(collection.seq, position)
        try:
            return collection[position]
        except (IndexError, TypeError) as error:
            raise NotFound(str(error)) from None

    def list_artifact_versions(
        self, name: str | Iterable[str] | None = None, **filters: Any
    ) -> Listing[ArtifactVersion]:
        """Versions of one artifact, or of all; newest first unless ``sort_by`` says otherwise.

        ``name`` may be several names, or a comparison of names such as ``"startswith:mod"``.
        """
        within: tuple[Filter, ...] = ()
        if isinstance(name, str) and name[:1] not in "<>=!" and ":" not in name:
            within = (Condition("artifact", Operator.EQ, name),)
        elif name is not None:
            from runlore.recall.search.filters import named  # most lists have no filters

            within = named("version", "artifact", name)
        listing: Listing[ArtifactVersion] = self._reader.list("version", filters, *within)
        return listing

    def prune_artifacts(
        self,
        *,
        only_artifact: bool = False,
        only_metadata: bool = False,
        older_than: timedelta | datetime | None = None,
        keep_last: int = 0,
        include_manual: bool = False,
        dry_run: bool = False,
        threads: int = 4,
        ignore_errors: bool = False,
    ) -> Pruned:
        """Delete the artifact versions that no run, alias or other version refers to; tell what was done.

        What somebody saved or registered by hand stays unless ``include_manual``. ``only_artifact`` deletes the bytes
        and keeps the record of them; ``only_metadata`` forgets the versions and keeps the bytes. ``older_than`` is an
        age or an aware time; ``keep_last`` versions of each artifact stay. ``dry_run`` only tells. Safe beside running
        pipelines: what one of them may still take goes with a later prune. Files are deleted by so many ``threads``.
        Raises `QueryInvalid` for what cannot be meant, `StoreError` for a file that cannot be deleted.
        """
        from runlore.model.pruning import Pruning  # not imported by who only reads

        if only_artifact and only_metadata:
            raise QueryInvalid("only_artifact and only_metadata exclude each other; without either, both go.")
        if keep_last < 0 or threads < 1:
            raise QueryInvalid(f"keep_last is 0 or more and threads 1 or more, not {keep_last} and {threads}.")
        before = datetime.now(UTC) - older_than if isinstance(older_than, timedelta) else older_than
        if before is not None and before.tzinfo is None:
            raise QueryInvalid("older_than is an age, or a time with its time zone.")
        pruning = Pruning(
            part="artifact" if only_artifact else "metadata" if only_metadata else "all",
            before=before,
            keep_last=keep_last,
            manual=include_manual,
        )
        return self._reader.place.prune(pruning, dry_run=dry_run, threads=threads, ignore_errors=ignore_errors)

    # -- pathspecs -----------------------------------------------------------------------------------------------

    def get(
        self, pathspec: str, *, attempt: int | None = None
    ) -> Pipeline | Run | Step | Task | Artifact | ArtifactVersion:
        """Whatever ``pathspec`` names, such as ``training/12/train/0/model`` or ``artifact:model@3``.

        ``attempt`` chooses a try of the task that it names, or that made the output that it names; the last without it.
        Raises `NotFound`, which says what there is, and `PathspecInvalid`.
        """
        if attempt is not None:
            return self._get_attempt(pathspec, attempt)
        try:
            path = parse_pathspec(pathspec)
            if isinstance(path, ArtifactPath):
                return self._get_artifact(path)  # which notes by itself what it reads
            note_read(f"{pathspec!r}")
            if path.run is None:
                return self._pipeline_or_run(path.pipeline)
            pipeline = self._reader.lookup.pipeline(path.pipeline, hidden=True)
        except (NotFound, PathspecInvalid) as problem:
            try:
                found = self._in_run_alone(pathspec) if isinstance(pathspec, str) else None
            except PathspecInvalid:
                if isinstance(problem, PathspecInvalid):
                    raise problem from None  # which speaks of what was written, and not of where that would lead
                raise
            if found is None:
                raise
            pipeline, path = found
        return self._get_in_run(path, pipeline.name, path.run or "")

    def _get_attempt(self, pathspec: str, attempt: int) -> Task | ArtifactVersion:
        try:
            found = self.get(pathspec)
        except NotFound:  # it may be an output that only another attempt has
            found = None
        if isinstance(found, Task):
            return found.attempt_number(attempt)
        head, _, output = pathspec.rpartition("/")
        task = self.get(head) if head and (found is None or isinstance(found, ArtifactVersion)) else found
        if not isinstance(task, Task):
            raise PathspecInvalid(
                f"{pathspec!r} is no task; only tasks have attempts, as in get('training/12/train/0', attempt=1)."
            )
        return task.attempt_number(attempt).outputs[output]

    def _in_run_alone(self, pathspec: str) -> tuple[model.Pipeline, RunPath] | None:
        """Read ``12/train`` and ``latest/train/0/model``: a run that alone is unambiguous, and what is in it."""
        head, _, rest = pathspec.partition("/")
        if not head or not rest or ":" in head:
            return None
        note_read(f"{pathspec!r}")
        try:
            run = self._pipeline_or_run(head)
        except (NotFound, PathspecInvalid):
            return None
        if not isinstance(run, Run):
            return None
        path = parse_pathspec(f"{run.pathspec}/{rest}")
        assert isinstance(path, RunPath)
        return self._reader.lookup.pipeline_named(path.pipeline), path

    def _get_artifact(self, path: ArtifactPath) -> Artifact | ArtifactVersion:
        if path.version is None:
            return self.get_artifact(path.name)
        return self.get_artifact_version(path.name, path.version)

    def _get_in_run(self, path: RunPath, pipeline: str, reference: str) -> Run | Step | Task | ArtifactVersion:
        run = self._reader.run(self._reader.lookup.run(reference, pipeline))
        if path.step is None:
            return run
        step = run.steps[path.step]
        if path.task is None:
            return step
        task = step[path.task]
        return task if path.output is None else task.outputs[path.output]

    def _pipeline_or_run(self, text: str) -> Pipeline | Run:
        lookup = self._reader.lookup
        run = lookup.run(text) if text in RUN_ALIASES else lookup.run_or_none(text)
        try:
            pipeline = lookup.pipeline(text)
        except (NotFound, NamespaceMismatch, Ambiguous) as problem:
            if run is not None:
                return self._reader.run(run)
            if isinstance(problem, NamespaceMismatch):
                raise
            if text.isascii() and text.isdigit():  # a number names one run for as long as there is one pipeline
                return self._reader.run(lookup.run(text))
            candidates = lookup.runs_beginning(text)
            if len(candidates) == 1 and isinstance(problem, NotFound):
                return self._reader.run(candidates[0])
            if candidates and isinstance(problem, NotFound):
                raise ambiguous(
                    text, "run", [f"{run.pipeline}/{run.number} ({run.name!r})" for run in candidates]
                ) from None
            if isinstance(problem, NotFound):
                raise lookup.neither(text) from None
            raise
        if pipeline.name == text or run is None:
            return self._reader.pipeline(pipeline)
        return self._reader.run(run)

    # -- a container of pipelines --------------------------------------------------------------------------------

    def __getitem__(self, pathspec: str) -> Any:
        """Whatever ``pathspec`` names, as `get`. Raises TypeError for what is no text."""
        if not isinstance(pathspec, str):
            raise TypeError(
                f"A client is asked for a pathspec, such as 'training/12', not for {pathspec!r}. "
                "By position: .pipelines[…]."
            )
        return self.get(pathspec)

    def __iter__(self) -> Iterator[Pipeline]:
        return iter(self.pipelines)

    def __len__(self) -> int:
        return len(self.pipelines)

    def _key(self, child: Pipeline) -> str:
        return child.name

    def _ipython_key_completions_(self) -> list[str]:
        return [pipeline.name for pipeline in self.pipelines[: -COMPLETIONS - 1 : -1]]

    def _holds(self, handle: Any) -> bool:
        return bool(self.get(handle.pathspec) == handle)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Client) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, str, str | None]:
        return (self._reader.record.id, str(self._reader.place.settings.home), self.namespace)

    def __repr__(self) -> str:
        through = "" if self.namespace is None else f" in namespace {self.namespace!r}"
        return f"<Client of {self._reader.place.settings.home}{through}>"
