"""Lookup: from a reference that a person typed to the one noun that it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from runlore.author import current
from runlore.author.reads import note_look_up, note_read, settle
from runlore.errors import Ambiguous, NamespaceMismatch, NotFound
from runlore.model.artifact import Artifact, Version
from runlore.model.name import RUN_ALIASES
from runlore.model.query import Condition, Operator, Query
from runlore.model.run import Pipeline, Run
from runlore.model.status import Status
from runlore.model.suggest import did_you_mean
from runlore.record.meaning import version_called
from runlore.record.port import Record

#: How many candidates an error lists, and how many known names suggestions are drawn from.
CANDIDATES = 10
KNOWN = 200
#: Shorter ones are more likely a name or number that is not there than an id, and would be taken for any value.
_ID_BEGINNING = re.compile(r"[0-9a-f]{4}[0-9a-f-]{0,32}\Z")
#: Artifacts that nobody named, so nobody looks for them by name.
_UNNAMED = re.compile(r"external_[0-9a-f-]{36}\Z")
_SUCCESSFUL = (Status.COMPLETED, Status.CACHED)


class Lookup:
    """Finds nouns in one record. Every method raises `NotFound` or `Ambiguous` when there is not exactly one.

    In a namespace it finds runs that have the tag, and pipelines that have such a run; for one that is there but does
    not it raises `NamespaceMismatch`. Artifacts are shared by all runs, and found in every namespace.
    """

    def __init__(self, record: Record, namespace: str | None = None) -> None:
        self._record = record
        self._namespace = namespace
        #: What a run meets that is in the namespace.
        self.within: tuple[Condition, ...] = () if namespace is None else (_equals("tag", namespace),)

    @property
    def anywhere(self) -> Lookup:
        """The same without a namespace."""
        return Lookup(self._record)

    def holds(self, pipeline: Pipeline) -> bool:
        """Whether a pipeline is in the namespace."""
        return not self.within or bool(self._select("run", _equals("pipeline", pipeline.name), *self.within, limit=1))

    def pipelines(self) -> tuple[Condition, ...]:
        """What a pipeline meets that is in the namespace. Asks about each pipeline, of which there are few."""
        if not self.within:
            return ()
        names, after = [], None
        while True:
            page = self._record.select(Query(noun="pipeline", descending=False, after=after, limit=KNOWN))
            names += [found.name for found in page.items if self.holds(found)]
            after = page.cursor
            if after is None:
                return (Condition("name", Operator.IN, tuple(names)),)

    # -- pipelines -----------------------------------------------------------------------------------------------

    def pipeline_named(self, name: str) -> Pipeline:
        """The pipeline with exactly this name."""
        found = self._select("pipeline", _equals("name", name))
        if found:
            pipeline: Pipeline = found[0]
            return pipeline
        raise self._absent("pipeline", name)

    def pipeline(self, reference: str | int, *, prefix: bool = True, hidden: bool = False) -> Pipeline:
        """By name, number in the record, or, with ``prefix``, unique beginning of the name.

        With ``hidden`` it may be outside of the namespace, as long as it alone can be meant.
        """
        if isinstance(reference, str) and not prefix:
            found: Sequence[Any] = [self.pipeline_named(reference)]
        elif isinstance(reference, int):
            found = self._select("pipeline", Condition("id", Operator.EQ, reference))
        else:
            found = self._select("pipeline", _equals("name", reference)) or self._beginning("pipeline", reference)
        if len(found) > 1:
            found = [one for one in found if self.holds(one)] or found
        pipeline: Pipeline = self._only(found, "pipeline", str(reference), lambda noun: repr(noun.name))
        if not (hidden or self.holds(pipeline)):
            raise self._elsewhere(f"Pipeline {pipeline.name!r} has no run", f"client.get_pipeline({pipeline.name!r})")
        return pipeline

    # -- runs ----------------------------------------------------------------------------------------------------

    def run(self, reference: str | int | UUID, pipeline: str | None = None) -> Run:
        """By number, ``latest``, ``latest-successful``, name, id, or unique beginning of the id or name.

        Without ``pipeline`` the reference may mean any run of the record, and numbers are unique only by chance.
        """
        text = str(reference)
        within = (*self.within, *(() if pipeline is None else (_equals("pipeline", pipeline),)))
        for attempt in (self._run_by_alias, self._run_exactly, self._runs_beginning):
            found = attempt(text, within)
            if found:
                run: Run = self._only(found, "run", text, _run_label)
                return run
        if self.within and text in RUN_ALIASES:
            of = f" of pipeline {pipeline!r}" if pipeline else ""
            raise NotFound(f"There is no run {text!r}{of} in the namespace {self._namespace!r}.")
        if self.within:
            hidden = self.anywhere.run(text, pipeline)  # raises when it is nowhere
            where = f"{hidden.pipeline}/{hidden.number}"
            raise self._elsewhere(f"Run {where} is not", f"client.get({where!r})")
        raise self._absent("run", text, within, of=pipeline)

    def _elsewhere(self, what: str, look: str) -> NamespaceMismatch:
        everything = look.replace("client.", "client.in_namespace(None).")
        return NamespaceMismatch(
            f"{what} in the namespace {self._namespace!r}. To look at everything: {everything}, or in a shell "
            "runlore --namespace ''."
        )

    def run_or_none(self, reference: str) -> Run | None:
        """By exact name or id, across pipelines."""
        found = self._run_exactly(reference, self.within, numbers=False)
        return found[0] if found else None

    def neither(self, reference: str) -> NotFound:
        """Say that this is neither a pipeline nor a run, and which there are."""
        if self.within and (self.anywhere.run_or_none(reference) or self.anywhere.runs_beginning(reference)):
            self.run(reference)  # raises that it is in no sight
        pipelines = [known.name for known in self._select("pipeline", limit=KNOWN) if self.holds(known)]
        runs = [known.name for known in self._select("run", *self.within, limit=KNOWN)]
        hint = did_you_mean(reference, [*pipelines, *runs], limit=min(len(pipelines), CANDIDATES) or 1)
        return NotFound(f"There is no pipeline or run {reference!r}.{hint}")

    def runs_beginning(self, reference: str) -> Sequence[Run]:
        """Candidates whose id or name begins with this."""
        return self._runs_beginning(reference, self.within)

    def _run_by_alias(self, text: str, within: tuple[Condition, ...]) -> Sequence[Run]:
        if text == "latest":
            return self._select("run", *within, limit=1)
        if text == "latest-successful":
            return self._select("run", *within, Condition("status", Operator.IN, _SUCCESSFUL), limit=1)
        return ()

    def _run_exactly(self, text: str, within: tuple[Condition, ...], *, numbers: bool = True) -> Sequence[Run]:
        if numbers and text.isascii() and text.isdigit():
            found = self._select("run", *within, Condition("number", Operator.EQ, int(text)))
            if found:
                return found
        found = self._select("run", *within, _equals("name", text))
        identity = _uuid(text)
        if not found and identity is not None:
            found = self._select("run", *within, Condition("id", Operator.EQ, identity))
        return found

    def _runs_beginning(self, text: str, within: tuple[Condition, ...]) -> Sequence[Run]:
        found = {run.seq: run for run in self._beginning("run", text, within)}
        if _ID_BEGINNING.match(text.lower()):
            start = Condition("id", Operator.STARTSWITH, text.lower())
            found.update((run.seq, run) for run in self._select("run", *within, start))
        return tuple(found.values())

    # -- artifacts -----------------------------------------------------------------------------------------------

    def artifact_named(self, name: str) -> Artifact:
        """The artifact with exactly this name."""
        found = self._select("artifact", _equals("name", name))
        if found:
            artifact: Artifact = found[0]
            return artifact
        raise self._absent("artifact", name)

    def artifact(self, reference: str | int) -> Artifact:
        """By name, number in the record, or unique beginning of the name."""
        if isinstance(reference, int):
            found: Sequence[Any] = self._select("artifact", Condition("id", Operator.EQ, reference))
        else:
            found = self._select("artifact", _equals("name", reference)) or self._beginning("artifact", reference)
        artifact: Artifact = self._only(found, "artifact", str(reference), lambda noun: repr(noun.name))
        return artifact

    def version(self, reference: str | UUID, version: str | int | None = None) -> Version:
        """A version by artifact name and label or alias, or by its own id or the unique beginning of one.

        Without ``version`` an artifact's name means its newest version.
        """
        settle()
        text = str(reference)
        asked = None if version is None else str(version)
        if isinstance(reference, UUID) or _uuid(text) is not None:
            meant = self.version_by_id(UUID(text))
            if asked not in (None, meant.version):
                raise NotFound(f"{text} is the id of {_version_label(meant)}, not of a version {asked!r}.")
            return meant
        if self._select("artifact", _equals("name", text)):
            return self.version_of(text, asked)
        named = self._beginning("artifact", text)
        if named:
            note_read(f"an artifact whose name begins with {text!r}")
            artifact = self._only(named, "artifact", text, lambda noun: repr(noun.name))
            return self.version_of(artifact.name, asked)
        if version is None and _ID_BEGINNING.match(text.lower()):
            note_read(f"an artifact version whose id begins with {text!r}")
            found = self._select("version", Condition("id", Operator.STARTSWITH, text.lower()))
            if found:
                only: Version = self._only(found, "artifact version", text, _version_label)
                return only
        note_look_up(text, _label(asked), None)
        raise self._absent("artifact", text)

    def version_of(self, artifact: str, version: str | None = None) -> Version:
        """A version by exact artifact name and label or alias; ``None`` and ``latest`` mean the newest."""
        settle()
        asked = _label(version)
        found = version_called(self._record, artifact, asked)
        note_look_up(artifact, asked, None if found is None else found.seq)
        if found is not None:
            return found
        self.artifact_named(artifact)  # raises what is more to the point when even the artifact is unknown
        if asked is None:
            raise NotFound(f"Artifact {artifact!r} has no version any more.")
        known = [alias.name for alias in self._record.aliases(artifact)]
        known += [noun.version for noun in self._select("version", _equals("artifact", artifact), limit=KNOWN)]
        raise NotFound(f"Artifact {artifact!r} has no version {version!r}.{did_you_mean(asked, known)}")

    def version_by_id(self, identity: UUID) -> Version:
        """The version with this id."""
        found = self._select("version", Condition("id", Operator.EQ, identity))
        if not found:
            raise NotFound(f"There is no artifact version with id {identity}.")
        only: Version = found[0]
        return only

    # -- shared --------------------------------------------------------------------------------------------------

    def _select(self, noun: str, *conditions: Condition, limit: int = CANDIDATES + 1) -> Sequence[Any]:
        return self._record.select(Query(noun=noun, conditions=conditions, limit=limit)).items

    def _beginning(self, noun: str, text: str, within: tuple[Condition, ...] = ()) -> Sequence[Any]:
        return self._select(noun, *within, Condition("name", Operator.STARTSWITH, text)) if text else ()

    def _only(self, found: Sequence[Any], kind: str, reference: str, label: Callable[[Any], str]) -> Any:
        if len(found) == 1:
            return found[0]
        if not found:
            raise self._absent(kind, reference)
        raise ambiguous(reference, kind, [label(noun) for noun in found])

    def _absent(
        self, noun: str, reference: str, within: tuple[Condition, ...] = (), *, of: str | None = None
    ) -> NotFound:
        known = [candidate.name for candidate in self._select(noun, *within, limit=KNOWN)]
        known = [name for name in known if not (noun == "artifact" and _UNNAMED.match(name))] or known
        if of is not None:
            self.pipeline_named(of)
        where = f" of pipeline {of!r}" if of else ""
        if of and known and reference.isdigit():
            newest = self._select(noun, *within, limit=1)[0].number
            return NotFound(f"There is no {noun} {reference!r}{where}; its newest is {of}/{newest}.")
        if noun == "run" and did_you_mean(reference, RUN_ALIASES, limit=0).startswith(" Did you mean"):
            known = list(RUN_ALIASES)
        return NotFound(f"There is no {noun} {reference!r}{where}.{did_you_mean(reference, known, limit=5)}")


def made_in_body(artifact: str | UUID, version: str | int | None) -> Any:
    """What the latest version of a name means in a pipeline's body: the newest output so far that makes one, if any."""
    latest_output = getattr(current.trace(), "latest_output", None)
    if latest_output is None or not isinstance(artifact, str) or version not in (None, "latest"):
        return None
    return latest_output(artifact)


def ambiguous(reference: str, kind: str, labels: Iterable[str]) -> Ambiguous:
    """Say which candidates ``reference`` could mean."""
    listed = list(labels)
    shown = ", ".join(listed[:CANDIDATES]) + (", …" if len(listed) > CANDIDATES else "")
    return Ambiguous(f"{reference!r} is not unique; it could mean any {kind} of {shown}.")


def _run_label(run: Run) -> str:
    return f"{run.pipeline}/{run.number} ({run.name!r}, {str(run.id)[:8]})"


def _version_label(version: Version) -> str:
    return f"artifact:{version.artifact}@{version.version} ({str(version.id)[:8]})"


def _label(version: str | None) -> str | None:
    """The label asked for; ``None`` for the latest version."""
    return None if version == "latest" else version


def _equals(field: str, value: str) -> Condition:
    return Condition(field, Operator.EQ, value)


def _uuid(text: str) -> UUID | None:
    if len(text) not in (32, 36):
        return None
    try:
        return UUID(text)
    except ValueError:
        return None
