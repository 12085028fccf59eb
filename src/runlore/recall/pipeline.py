"""Pipeline: the handle of a recorded pipeline and of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from runlore.author.reads import note_read
from runlore.errors import NotFound
from runlore.model import run as model
from runlore.model.counted import counted
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.name import RUN_ALIASES, shortened
from runlore.model.query import Condition, Operator
from runlore.recall.container import COMPLETIONS, Container, reference_of
from runlore.recall.notes import Notes
from runlore.recall.position import Positioned

if TYPE_CHECKING:
    from runlore.recall.client import Client
    from runlore.recall.listing import Listing
    from runlore.recall.reader import Reader
    from runlore.recall.run import Run
    from runlore.record.port import Record


class Pipeline(Notes, Container["Run"], Positioned):
    """A pipeline of the record, and a container of its runs, newest first.

    Live: its runs and version are read when asked for.
    """

    def __init__(self, reader: Reader, noun: model.Pipeline) -> None:
        self._reader = reader
        self._noun = noun

    @property
    def _record(self) -> Record:
        return self._reader.record

    def _owner(self) -> Owner:
        return Owner(kind=OwnerKind.PIPELINE, seq=self._noun.id)

    def _now(self) -> model.Pipeline:
        self._noun = self._reader.lookup.pipeline_named(self._noun.name)
        return self._noun

    @property
    def id(self) -> int:
        """Number of the pipeline in this record."""
        return self._noun.id

    @property
    def name(self) -> str:
        return self._noun.name

    @property
    def pathspec(self) -> str:
        return self._noun.name

    @property
    def parent(self) -> Client:
        """The client that it was found with."""
        client: Client = self._reader.client
        return client

    @property
    def version(self) -> int:
        """Grows by one when the code of the body or of a step, or a default, changes."""
        return self._now().version

    @property
    def created(self) -> datetime:
        return self._noun.created

    @property
    def num_runs(self) -> int:
        """How many runs are recorded now, in a namespace how many of it."""
        return self._now().runs if self._reader.namespace is None else len(self.runs)

    @property
    def runs(self) -> Listing[Run]:
        """All runs, newest first; the run that is asking, if any, is among them."""
        listing: Listing[Run] = self.get_runs()
        return listing

    def get_runs(self, **filters: Any) -> Any:
        """Runs of this pipeline that meet ``filters``, which are those of `Client.list_pipeline_runs`."""
        return self._reader.list("run", filters, Condition("pipeline", Operator.EQ, self.name))

    @property
    def last_run(self) -> Run:
        """The newest run. Raises `NotFound` when there is none."""
        note_read(f"the last run of {self.name!r}")
        return self._reader.run(self._reader.lookup.run("latest", self.name))

    @property
    def last_successful_run(self) -> Run:
        """The newest run that completed or came from the cache. Raises `NotFound` when there is none."""
        note_read(f"the last successful run of {self.name!r}")
        return self._reader.run(self._reader.lookup.run("latest-successful", self.name))

    def to_row(self) -> dict[str, Any]:
        """Facts for a table, by column."""
        now = self._noun
        return {"name": now.name, "version": now.version, "runs": now.runs, "id": now.id, "created": now.created}

    def __getitem__(self, reference: str | int | UUID) -> Run:
        """Find a run by number, id, name, unique prefix, ``latest`` or ``latest-successful``.

        By position they are in `runs`. Raises `NotFound`, `Ambiguous`; TypeError for what can be no reference.
        """
        what = "a run's number, name or id"
        asked = reference_of(reference, what=what, owner=self.pathspec, instead=f"{self.name}.runs[…]")
        note_read(f"a run of {self.name!r}")
        if isinstance(asked, int) and asked < 1:
            raise NotFound(
                f"There is no run {asked} of pipeline {self.name!r}: numbers begin with 1. "
                f"By position: .runs[{asked}]; the newest is .runs[0], the oldest .runs[-1]."
            )
        return self._reader.run(self._reader.lookup.run(asked, self.name))

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return self.num_runs

    def _key(self, child: Run) -> str:
        return str(child.number)

    def _holds(self, handle: Any) -> bool:
        return handle in self.runs

    def _ipython_key_completions_(self) -> list[str]:
        return [*(str(run.number) for run in self.runs[:COMPLETIONS]), *RUN_ALIASES]

    def _repr_html_(self) -> str:
        from runlore.recall.html.listing import pipeline_html  # what only notebooks need

        return pipeline_html(self)

    def __repr__(self) -> str:
        name, noun = shortened(repr(self.name), 50), self._noun
        return f"<Pipeline {name}, version {noun.version}, {counted(noun.runs, 'run')}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pipeline) and (self._record.id, self.id) == (other._record.id, other.id)

    def __hash__(self) -> int:
        return hash((self._record.id, "pipeline", self.id))
