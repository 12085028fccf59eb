"""Artifact, its versions, and the edges between tasks and versions."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from runlore.model.noun import noun


class SaveType(StrEnum):
    """How a version came to be."""

    OUTPUT = "output"
    MANUAL = "manual"
    REGISTERED = "registered"
    EXTERNAL = "external"


class ArtifactType(StrEnum):
    """What an artifact is to its users, whatever its Python class."""

    DATA = "DataArtifact"
    MODEL = "ModelArtifact"
    ANALYSIS = "DataAnalysisArtifact"
    SERVICE = "ServiceArtifact"
    OTHER = "BaseArtifact"


@noun(kw_only=False)
class Picture:
    """Something to look at that shows a value: bytes, and what they are."""

    #: ``html``, ``image``, ``csv``, ``markdown``, ``json`` or ``plot``; ``note`` says in words why there is no picture.
    kind: str
    data: bytes
    name: str = "picture"
    #: Media type of an image, such as ``image/png``.
    media_type: str | None = None


@noun
class KeptPicture:
    """A picture as the record keeps it; without its bytes where they were too many to keep."""

    kind: str
    name: str
    media_type: str | None
    #: Bytes, whether they are kept or not.
    size: int
    data: bytes | None


@noun
class Content:
    """A stored value without a name: what a materializer made of it and where its bytes are found."""

    #: Name of the materializer that reads it, such as ``json`` or ``numpy``.
    materializer: str
    #: Importable name of the value's class, such as ``numpy.ndarray`` (`docs/design/codec.md`, "Type names").
    type: str
    #: ``sha256:`` and hex digits; identity of the content.
    digest: str
    #: Bytes of the payload; for a tree and what was registered, of all files together.
    size: int
    #: ``inline`` (a row of the record), ``blob`` (one file), ``tree`` (a manifest and its files), or ``registered`` (a
    #: manifest of files that stay where they are).
    form: str = "inline"
    #: The bytes themselves when inline and at hand.
    payload: bytes | None = None
    #: What runlore notes about the value (shape, dtype, …): typed JSON.
    meta: str = "{}"
    #: ``DataArtifact``, ``ModelArtifact``, …; see `runlore.values.materializer.ArtifactType`.
    artifact_type: str = "DataArtifact"
    #: Drawn when the value was stored, on their way to the record; `Record.pictures` reads them.
    pictures: tuple[KeptPicture, ...] = ()


@noun
class Artifact:
    """A named series of versions."""

    id: int
    name: str
    #: How many versions are recorded now.
    versions: int
    created: datetime


@noun
class Version:
    """One stored value of an artifact."""

    #: Position in the order of all versions of this record; never reused.
    seq: int
    id: UUID
    artifact: str
    #: ``"1"``, ``"2"``, …, or the label that the user chose.
    version: str
    created: datetime
    save_type: SaveType
    #: For a collection made by a mapped step, its ``materializer`` is ``collection``.
    content: Content
    #: The task output that made it: (run seq, step index, item, output position); item is -1 for a collection.
    producer: tuple[int, int, int, int] | None = None
    #: The version whose bytes these are, when a cached step put them under another artifact name.
    origin: UUID | None = None
    #: The bytes were deleted on purpose.
    deleted: bool = False


@noun
class Alias:
    """A label that exactly one version of its artifact holds, or, in its history, one move of it."""

    artifact: str
    name: str
    #: `Version.seq`; in a history ``None`` where the alias was taken away.
    version: int | None
    #: Since when.
    at: datetime


@noun
class Item:
    """One element of a collection version."""

    index: int
    content: Content


@noun
class Edge:
    """A task read (input) or made (output) an artifact version."""

    run: int
    step: int
    #: -1 for the step as a whole (collections, and inputs that every task of a mapped step shares).
    item: int
    #: ``input``, ``output``, ``saved`` for what a step saved by hand, or ``looked-up`` (see `LookedUp`).
    direction: str
    position: int
    #: Parameter name of an input (``models.0`` for an element of a list), output name of an output, and for what was
    #: looked up how it was asked for.
    name: str
    #: `Version.seq`.
    version: int
    #: Which element of a collection, if only one was read.
    element: int | None = None


@noun
class LookedUp:
    """An artifact that a task looked up by name while it ran, and what it got (`docs/design/cache-key.md`, "Reads")."""

    #: The exact name of the artifact.
    artifact: str
    #: The version's label, or an alias that it held; ``None`` asked for the latest one.
    asked: str | None = None
    #: `Version.seq` of what the name meant then; ``None``: there was nothing.
    version: int | None = None
    #: Digest of the project's classes in the value, whose methods the task may have called; ``None`` without any.
    code: bytes | None = None

    @property
    def name(self) -> str:
        """How it was asked for, as a pathspec: ``artifact:model``, ``artifact:model@3``."""
        return f"artifact:{self.artifact}" + ("" if self.asked is None else f"@{self.asked}")
