"""Artifact version: the handle of one stored value."""

from __future__ import annotations

import json
import operator
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload
from uuid import UUID

from runlore.author.reads import note_read
from runlore.errors import ArtifactDeleted, NotFound
from runlore.model import artifact as model
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.name import shortened
from runlore.recall.decoding import decode_notes
from runlore.recall.notes import MetadataEntry, Notes
from runlore.recall.position import Timed, Traceable

if TYPE_CHECKING:
    from runlore.model.artifact import Picture
    from runlore.model.change import PicturesKept
    from runlore.model.lineage import Key
    from runlore.recall.artifact import Artifact
    from runlore.recall.pipeline import Pipeline
    from runlore.recall.reader import Reader
    from runlore.recall.run import Run
    from runlore.recall.step import Step
    from runlore.recall.task import Task
    from runlore.record.port import Record

#: Name of the materializer under which collections are kept.
COLLECTION = "collection"


class ArtifactVersion(Notes, Timed, Traceable):
    """One version of an artifact, or one element of a collection version."""

    def __init__(self, reader: Reader, noun: model.Version, element: int | None = None) -> None:
        self._reader = reader
        self._noun = noun
        self._element = element

    @property
    def _record(self) -> Record:
        return self._reader.record

    def _owner(self) -> Owner:
        return Owner(kind=OwnerKind.VERSION, seq=self._noun.seq)

    def _tag_owners(self) -> tuple[Owner, ...]:
        producer = self._noun.producer
        run = () if producer is None else (Owner(kind=OwnerKind.RUN, seq=producer[0]),)
        return (self._owner(), *run)

    def _noted(self) -> Mapping[str, MetadataEntry]:
        content, created = self.content, self._noun.created
        noted = {"storage_size": content.size, **decode_notes(content.meta)}
        for hidden in ("mac", "pictures"):  # which say how bytes and pictures are dealt with, not what the value is
            noted.pop(hidden, None)
        return {key: MetadataEntry(key=key, value=value, created=created) for key, value in noted.items()}

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def id(self) -> UUID:
        return self._noun.id

    @property
    def seq(self) -> int:
        """Position in the order of all versions of this record."""
        return self._noun.seq

    @property
    def __runlore_version__(self) -> int:
        """What makes a version that was fetched in a pipeline's body an input like any other."""
        if self._element is not None:
            raise TypeError(f"{self.pathspec} is an element of a collection; give the step the whole, or its load().")
        if self._noun.deleted:
            raise ArtifactDeleted(f"The bytes of {self.pathspec} were deleted on purpose; no step can take it.")
        return self._noun.seq

    @property
    def name(self) -> str:
        """Name of the artifact."""
        return self._noun.artifact

    @property
    def version(self) -> str:
        """``"1"``, ``"2"``, …, or the label that the user chose."""
        return self._noun.version

    @property
    def pathspec(self) -> str:
        element = "" if self._element is None else f"[{self._element}]"
        return f"artifact:{self._noun.artifact}@{self._noun.version}{element}"

    @property
    def artifact(self) -> Artifact:
        return self._reader.artifact(self._reader.lookup.artifact_named(self._noun.artifact))

    @property
    def path_components(self) -> list[str]:
        artifact = f"artifact:{self._noun.artifact}"
        element = [] if self._element is None else [str(self._element)]
        return [artifact, self._noun.version, *element]

    @property
    def parent(self) -> Artifact:
        """The same as `artifact`; the task that made it is `task`."""
        return self.artifact

    def _times(self) -> tuple[datetime | None, datetime | None]:
        return self._noun.created, self._noun.created

    @property
    def element(self) -> int | None:
        """Which element of a collection this is, or ``None``."""
        return self._element

    @property
    def content(self) -> model.Content:
        """What was stored and where its bytes are found: for an element of a plain value, that value."""
        if self._element is None or self._noun.content.materializer != COLLECTION:
            return self._noun.content
        found = self._record.items(self._noun.seq, self._element, self._element + 1)
        if not found:
            raise NotFound(f"Collection artifact:{self.name}@{self.version} has no element {self._element}.")
        return found[0].content

    @property
    def created(self) -> datetime:
        return self._noun.created

    @property
    def type(self) -> str:
        """Importable name of the value's class, such as ``numpy.ndarray``."""
        return self.content.type

    @property
    def data_type(self) -> str:
        """The same as `type`."""
        return self.type

    @property
    def annotated_type(self) -> str | None:
        """What the step that made it promises of this output, as its return annotation; `type` is what was stored.

        ``None`` without an annotation, and for what no step made or a step of a run that was deleted.
        """
        producer, step = self._noun.producer, self._producer()
        if producer is None or step is None:
            return None
        promised = step.output_annotations
        found = promised[producer[3]] if producer[3] < len(promised) else None
        return f"list[{found}]" if found is not None and self.is_collection else found

    @property
    def artifact_type(self) -> str:
        """``DataArtifact``, ``ModelArtifact``, …"""
        return self.content.artifact_type

    @property
    def materializer(self) -> str:
        """Name of what reads it, such as ``json`` or ``numpy``."""
        return self.content.materializer

    @property
    def digest(self) -> str:
        """Identity of the content."""
        return self.content.digest

    @property
    def size(self) -> int:
        """Bytes."""
        return self.content.size

    @property
    def save_type(self) -> model.SaveType:
        """How it came to be: ``output``, ``manual``, ``registered`` or ``external``."""
        return self._noun.save_type

    @property
    def deleted(self) -> bool:
        """Whether its bytes were deleted on purpose."""
        note_read(f"whether {self.pathspec} was deleted")
        return self._record.version(self._noun.seq).deleted

    @property
    def aliases(self) -> tuple[str, ...]:
        """Aliases that it holds now, by name."""
        note_read(f"the aliases of {self.pathspec}")
        return tuple(alias.name for alias in self._record.aliases_of(self._noun.seq))

    def promote(self, alias: str) -> None:
        """Let this version hold ``alias`` in place of whichever version of the artifact held it before, in one commit.

        Raises `NameInvalid` for an alias that is all digits or ``latest``, `AlreadyExists` when a version is called so.
        """
        from runlore.recall.aliases import move  # what moves aliases is not imported by who only reads

        move(self._record, self.name, alias, self._noun.seq)

    @property
    def is_collection(self) -> bool:
        """Whether a mapped step made it, one element per item."""
        return self._element is None and self._noun.content.materializer == COLLECTION

    # -- the value -----------------------------------------------------------------------------------------------

    def load(self, *, trust: bool = False, moved: Mapping[str, str] | None = None) -> Any:
        """Return the value, verified and fresh: nobody else holds it. A collection gives a list.

        ``trust=True`` allows loading a pickle that this installation did not write, which can run any code.
        ``moved`` tells where classes and modules are now that a pickle names: ``{"old.place.Model": "new.Model"}``.
        Raises `ArtifactDeleted`, `ArtifactMissing`, `ArtifactCorrupt`, `ValueUnloadable` and below.
        """
        if self._noun.deleted:
            raise ArtifactDeleted(f"The bytes of {self.pathspec} were deleted on purpose; only its record is left.")
        about, vault = self._about(), self._reader.vault
        if self.is_collection:
            items = self._record.items(self._noun.seq)
            return [vault.load(item.content, trust=trust, moved=moved, about=about) for item in items]
        value = vault.load(self.content, trust=trust, moved=moved, about=about)
        plain = self._element is None or self._noun.content.materializer == COLLECTION
        return value if plain else value[self._element]

    @property
    def data(self) -> Any:
        """The value, loaded afresh at each look."""
        return self.load()

    @overload
    def __getitem__(self, index: int) -> ArtifactVersion: ...
    @overload
    def __getitem__(self, index: slice) -> list[ArtifactVersion]: ...
    def __getitem__(self, index: int | slice) -> ArtifactVersion | list[ArtifactVersion]:
        """One element of a collection by position, or a list of some.

        Raises IndexError past its end, TypeError if it is no collection or asked for something else.
        """
        if not self.is_collection:
            raise TypeError(f"{self.pathspec} is not a collection; load() gives its value.")
        length = len(self)
        if isinstance(index, slice):
            return [ArtifactVersion(self._reader, self._noun, each) for each in range(*index.indices(length))]
        index = operator.index(index)
        if not -length <= index < length:
            raise IndexError(f"{self.pathspec} has {length} elements; there is none at {index}.")
        return ArtifactVersion(self._reader, self._noun, index % length)

    def __len__(self) -> int:
        if not self.is_collection:
            raise TypeError(f"{self.pathspec} is not a collection and has no length; load() gives its value.")
        return int(json.loads(self._noun.content.meta)["length"])

    def __iter__(self) -> Iterator[ArtifactVersion]:
        return iter(self[:])

    def __contains__(self, element: object) -> bool:
        """Whether it is a collection and this the handle of one of its elements."""
        return (
            self.is_collection
            and isinstance(element, ArtifactVersion)
            and (element.id == self.id and element.element is not None)
        )

    def __bool__(self) -> bool:
        return True

    def download_files(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the stored files to ``path``, and return it. No value is loaded.

        - A path that ends in ``.zip`` is an archive of them.
        - A path with any other ending, such as ``model.npy``, is the file itself, if one file is all there is.
        - Any other path, and a folder that is there, is the folder that they are written to.

        What is written is there whole or not at all. Raises `AlreadyExists` when a file is there and ``overwrite`` is
        false, and as `load` does when bytes are not what they were.
        """
        from runlore.recall.download import download

        return download(self, self._reader.vault, Path(path), overwrite=overwrite)

    @property
    def is_pickle(self) -> bool:
        """Whether loading it runs code that came with the bytes: a pickle, or what a library makes with one."""
        from runlore.values.shipped import BUILT_IN, SHIPPED  # most handles are never asked

        told = BUILT_IN.get(self.materializer) or SHIPPED.get(self.materializer)
        return (told is not None and told.runs_code) or "mac" in json.loads(self.content.meta)

    def pictures(self, *, large: bool = False, draw: bool = False, trust: bool = False) -> tuple[Picture, ...]:
        """What there is to look at, as values with ``kind``, ``data``, ``name``; drawn on the first look and kept.

        A picture of more than 200,000 bytes is replaced by one of the kind ``note``, unless ``large=True``. Where
        pictures were switched off when the value was stored, ``draw=True`` makes them nevertheless. The first look
        loads the value, so it raises what `load` raises; a later one loads nothing.
        """
        from runlore.recall.pictures import pictures_of

        note_read(f"the pictures of {self.pathspec}")
        return pictures_of(self, large=large, draw=draw, trust=trust)

    @property
    def visualizations(self) -> tuple[Picture, ...]:
        """The same as `pictures` without its options."""
        return self.pictures()

    def kept_pictures(self) -> tuple[model.KeptPicture, ...]:
        """What was drawn of it before; nothing is drawn or loaded."""
        return self._record.pictures(self._noun.seq, self._element)

    def keep_pictures(self, change: PicturesKept) -> None:
        """Keep what was drawn. Raises `StoreReadOnly` and other `StoreError`."""
        self._record.commit([change], durable=False)

    def visualize(
        self,
        path: str | Path | None = None,
        *,
        overwrite: bool = False,
        large: bool = False,
        draw: bool = False,
        trust: bool = False,
    ) -> Path | None:
        """Show `pictures`: in a notebook, else in a browser on a terminal, else as an HTML file; with ``path``, there.

        Returns the file's path where one was written, otherwise ``None``. Raises `AlreadyExists` for a ``path`` that
        is there unless ``overwrite``, and otherwise as `pictures`.
        """
        from runlore.recall.visualize import show

        found = self.pictures(large=large, draw=draw, trust=trust)
        return show(self.pathspec, found, path, overwrite=overwrite)

    # -- lineage -------------------------------------------------------------------------------------------------

    @property
    def producer(self) -> Step | None:
        """The step that made it; ``None`` when it was saved by hand or its run was deleted."""
        note_read(f"the producer of {self.pathspec}")
        return self._producer()

    def _producer(self) -> Step | None:
        producer = self._noun.producer
        if producer is None:
            return None
        try:
            return self._reader.step_at(producer[0], producer[1])
        except NotFound:
            return None

    @property
    def step(self) -> Step | None:
        """The same as `producer`."""
        return self.producer

    @property
    def run(self) -> Run | None:
        """The run that made it; ``None`` when it was saved by hand or its run was deleted."""
        producer = self.producer
        return None if producer is None else producer.run

    @property
    def task(self) -> Task | None:
        """The task that made it; of a collection the first. ``None`` as for `producer`."""
        producer = self.producer
        if producer is None:
            return None
        assert self._noun.producer is not None
        item = self._noun.producer[2] if self._element is None else self._element
        return producer[max(item, 0)]  # -1 is the step as a whole

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline whose run made it; ``None`` as for `producer`."""
        run = self.run
        return None if run is None else run.pipeline

    @property
    def origin(self) -> ArtifactVersion | None:
        """The version whose bytes these are, when a cached step put them under another artifact name."""
        origin = self._noun.origin
        return None if origin is None else self._reader.version(self._reader.lookup.version_by_id(origin))

    @property
    def consumers(self) -> tuple[Step, ...]:
        """Steps that took it or looked it up by name, across runs and pipelines, oldest run first."""
        note_read(f"the consumers of {self.pathspec}")
        places = dict.fromkeys((edge.run, edge.step) for edge in self._record.consumers(self._noun.seq))
        return tuple(self._reader.step_at(run, step) for run, step in places)

    def upstream(self, depth: int | None = None) -> tuple[ArtifactVersion, ...]:
        """Versions that it was made from, across runs and pipelines, the nearest first: all, whatever was in between.

        ``depth=1`` are those that its producer took, 2 also those that these were made from, and so on.
        """
        return self._reached("up", depth)

    def downstream(self, depth: int | None = None) -> tuple[ArtifactVersion, ...]:
        """Versions that came of it, across runs and pipelines, the nearest first: all, whatever was in between.

        ``depth=1`` are those that its consumers gave. Where millions may have come of it, use `lineage`, which stops.
        """
        return self._reached("down", depth)

    def _reached(self, direction: str, depth: int | None) -> tuple[ArtifactVersion, ...]:
        found = self.lineage(direction, depth, breadth=None, limit=None)
        return tuple(
            self._reader.version(node.version, node.key.element)
            for node in found.versions
            if node.key not in found.start
        )

    def _nodes(self) -> Sequence[Key]:
        from runlore.model.lineage import VersionKey  # what is loaded or listed needs no graph

        return [VersionKey(self._noun.seq, self._element)]

    def _about(self) -> str:
        producer = self._noun.producer
        if producer is None:
            return f"{self.pathspec}, {self._noun.save_type}"
        step = self._producer()
        return f"{self.pathspec}, made by {step.pathspec if step else 'a run that was deleted'}"

    def to_row(self) -> dict[str, Any]:
        """Facts for a table, by column."""
        content = self.content
        return {
            "artifact": self.name,
            "version": self.version,
            "type": content.type,
            "size": content.size,
            "created": self.created,
            "save_type": str(self.save_type),
            "id": str(self.id),
            "digest": content.digest,
            "deleted": self._noun.deleted,
        }

    def _repr_html_(self) -> str:
        from runlore.recall.html.version import version_html  # what only notebooks need

        return version_html(self)

    def __repr__(self) -> str:
        return f"<ArtifactVersion {shortened(repr(self.pathspec), 40)}: {shortened(self.content.type, 38)}>"

    def __eq__(self, other: object) -> bool:
        mine = (self.id, self._element)
        return isinstance(other, ArtifactVersion) and mine == (other.id, other._element)

    def __hash__(self) -> int:
        return hash((self.id, self._element))
