"""Reader: makes handles from nouns; the one place that knows all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runlore.author.reads import note_read
from runlore.errors import NotFound, QueryInvalid
from runlore.model import artifact as artifacts
from runlore.model import run as runs
from runlore.model.noun import changed
from runlore.model.pathspec import RunPath, parse_pathspec
from runlore.model.query import Filter, Query
from runlore.model.status import Status
from runlore.recall.artifact import Artifact
from runlore.recall.listing import Listing
from runlore.recall.lookup import Lookup
from runlore.recall.pipeline import Pipeline
from runlore.recall.place import Place
from runlore.recall.run import Run
from runlore.recall.step import Step
from runlore.recall.version import ArtifactVersion

if TYPE_CHECKING:
    from runlore.record.port import Record
    from runlore.record.vault import Vault

#: Most results that one explicit page may hold.
LARGEST_PAGE = 10_000


class Reader:
    """Handles over one workspace."""

    def __init__(self, place: Place, client: Any = None, namespace: str | None = None) -> None:
        self.place = place
        #: Where every way up ends.
        self.client = client
        self.record: Record = place.record
        #: The tag that is looked through, or ``None``.
        self.namespace = namespace
        self.lookup = Lookup(place.record, namespace)

    @property
    def vault(self) -> Vault:
        return self.place.vault

    # -- from nouns to handles -----------------------------------------------------------------------------------

    def pipeline(self, noun: runs.Pipeline) -> Pipeline:
        return Pipeline(self, noun)

    def run(self, noun: runs.Run) -> Run:
        return Run(self, noun)

    def step(self, noun: runs.Step, run: Run) -> Step:
        return Step(self, noun, run)

    def artifact(self, noun: artifacts.Artifact) -> Artifact:
        return Artifact(self, noun)

    def version(self, noun: artifacts.Version, element: int | None = None) -> ArtifactVersion:
        return ArtifactVersion(self, noun, element)

    def run_called(self, reference: Run | str | int | UUID, pipeline: str | None = None) -> Run:
        """A run, given as a handle or as `Client.get_pipeline_run` takes it."""
        if isinstance(reference, Run):
            return reference
        note_read(f"run {reference!r}")
        if pipeline is None and isinstance(reference, str) and reference.count("/") == 1:
            path = parse_pathspec(reference)
            if isinstance(path, RunPath) and path.run is not None:
                return self.run(self.lookup.run(path.run, self.lookup.pipeline(path.pipeline, hidden=True).name))
        return self.run(self.lookup.run(reference, pipeline))

    # -- by position in the record -------------------------------------------------------------------------------

    def step_at(self, run: int, index: int) -> Step:
        """The step of a run by its position. Raises `NotFound`."""
        return self.step(self._step_noun(run, index), self.run(self.record.run(run)))

    def _step_noun(self, run: int, index: int) -> runs.Step:
        steps = self.record.steps(run)
        if index >= len(steps):
            raise NotFound(f"The run with sequence {run} has no step at position {index}.")
        return steps[index]

    def pathspecs_of(self, run: int) -> tuple[str, ...]:
        """The pathspecs of a run's steps, in declared order; none when it was deleted."""
        try:
            whole = self.run(self.record.run(run)).pathspec
        except NotFound:
            return ()
        return tuple(f"{whole}/{step.name}" for step in self.record.steps(run))

    def pathspec_at(self, run: int, index: int) -> str | None:
        """The pathspec of the step at this position; ``None`` when its run was deleted."""
        found = self.pathspecs_of(run)
        return found[index] if index < len(found) else None

    def version_at(self, seq: int, element: int | None = None) -> ArtifactVersion:
        return self.version(self.record.version(seq), element)

    def current_run(self, seq: int) -> runs.Run:
        """Read an unfinished run again; one whose owner is gone becomes ``interrupted`` by being looked at."""
        noun = self.record.run(seq)
        if noun.status is Status.RUNNING and self._owner_is_gone(seq):
            noun = self.record.run(seq)
        return noun

    def current_step(self, run: int, index: int) -> runs.Step:
        self.current_run(run)
        return self._step_noun(run, index)

    def _owner_is_gone(self, seq: int) -> bool:
        return seq in self.place.ownership.sweep_interrupted(self.record, _utc_now)

    def bytes_of(self, digest: str) -> bytes:
        """A description kept as a blob or inline."""
        payload = self.record.payload(digest)
        if payload is not None:
            return payload
        data: bytes = self.place.blobs.read(digest)
        return data

    # -- lists ---------------------------------------------------------------------------------------------------

    def list(self, noun: str, filters: Mapping[str, Any], *within: Filter) -> Any:
        """A `Listing` of handles, or the list of one page when ``size`` or ``page`` is among the filters.

        What is asked for ``within`` holds whatever the filters say, and whether all or any of them must hold.
        """
        chosen = dict(filters)
        size, page = chosen.pop("size", None), chosen.pop("page", None)
        query = Query(noun=noun)
        if chosen:
            from runlore.recall.search.filters import query_from  # most lists have no filters

            sort_by, logical = chosen.pop("sort_by", None), chosen.pop("logical_operator", "and")
            query = query_from(noun, chosen, sort_by=sort_by, logical_operator=logical)
        if noun in ("pipeline", "artifact") and query.order is None:
            query = changed(query, descending=False)
        query = changed(query, conditions=(*within, *query.conditions))
        query = self._in_namespace(query)
        what = {"version": "artifact version"}.get(noun, noun)
        note_read(f"a list of {what}s")
        listing: Listing[Any] = Listing(self.record, query, self._maker(noun), what=what)
        if size is None and page is None:
            return listing
        size, page = (
            _whole("size", 20 if size is None else size, LARGEST_PAGE),
            _whole("page", 1 if page is None else page, None),
        )
        return listing[(page - 1) * size : page * size]

    def _in_namespace(self, query: Query) -> Query:
        """The query for what is in the namespace: runs that have the tag, and pipelines that have such a run."""
        if self.namespace is None or query.noun not in ("pipeline", "run"):
            return query
        within = self.lookup.within if query.noun == "run" else self.lookup.pipelines()
        return changed(query, conditions=(*query.conditions, *within))

    def _maker(self, noun: str) -> Callable[[Any], Any]:
        makers: dict[str, Callable[[Any], Any]] = {
            "pipeline": self.pipeline,
            "run": self.run,
            "artifact": self.artifact,
            "version": self.version,
        }
        return makers[noun]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _whole(name: str, value: Any, largest: int | None) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (largest and value > largest):
        hint = (
            ' It is how many a page has; versions are found by their size with where="size > 1MB".'
            if name == "size"
            else ""
        )
        raise QueryInvalid(
            f"{name} is a whole number from 1{f' to {largest}' if largest else ''}, not {value!r}.{hint}"
        )
    return value
