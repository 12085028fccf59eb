"""Artifact: the handle of a named series of versions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from runlore.author.reads import note_read
from runlore.errors import NotFound
from runlore.model import artifact as model
from runlore.model.counted import counted
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.name import shortened
from runlore.model.query import Condition, Operator
from runlore.recall.container import COMPLETIONS, Container, reference_of
from runlore.recall.lookup import made_in_body
from runlore.recall.notes import Notes
from runlore.recall.position import Positioned

if TYPE_CHECKING:
    from runlore.recall.aliases import AliasMove
    from runlore.recall.client import Client
    from runlore.recall.listing import Listing
    from runlore.recall.named import Named
    from runlore.recall.reader import Reader
    from runlore.recall.version import ArtifactVersion
    from runlore.record.port import Record


class Artifact(Notes, Container["ArtifactVersion"], Positioned):
    """A named series of versions, and a container of them, newest first. Live: they are read when asked for."""

    def __init__(self, reader: Reader, noun: model.Artifact) -> None:
        self._reader = reader
        self._noun = noun

    @property
    def _record(self) -> Record:
        return self._reader.record

    def _owner(self) -> Owner:
        return Owner(kind=OwnerKind.ARTIFACT, seq=self._noun.id)

    @property
    def id(self) -> int:
        """Number of the artifact in this record."""
        return self._noun.id

    @property
    def name(self) -> str:
        return self._noun.name

    @property
    def pathspec(self) -> str:
        return f"artifact:{self._noun.name}"

    @property
    def path_components(self) -> list[str]:
        return [self.pathspec]  # its name may hold slashes

    @property
    def parent(self) -> Client:
        """The client that it was found with."""
        client: Client = self._reader.client
        return client

    @property
    def created(self) -> datetime:
        return self._noun.created

    @property
    def num_versions(self) -> int:
        """How many versions are recorded now."""
        return len(self.versions)

    @property
    def versions(self) -> Listing[ArtifactVersion]:
        """All versions, newest first."""
        listing: Listing[ArtifactVersion] = self._reader.list(
            "version", {}, Condition("artifact", Operator.EQ, self.name)
        )
        return listing

    @property
    def latest(self) -> ArtifactVersion:
        """The newest version, whatever its label; in a pipeline's body, what an earlier step of the body makes."""
        return self["latest"]

    def __getitem__(self, version: str | int) -> ArtifactVersion:
        """Find a version by label, number or alias, or ``latest``. By position they are in `versions`.

        Raises `NotFound`; TypeError for what can be no label.
        """
        what = "a version's label, number or alias"
        asked = reference_of(version, what=what, owner=self.pathspec, instead=".versions[…]")
        if isinstance(asked, int) and asked < 0:
            raise NotFound(
                f"{self.pathspec} has no version {asked}. By position: .versions[{asked}]; "
                "the oldest is .versions[-1], the newest .latest."
            )
        made_here = made_in_body(self.name, str(asked))
        if made_here is not None:
            return cast("ArtifactVersion", made_here)
        return self._reader.version(self._reader.lookup.version_of(self.name, str(asked)))

    @property
    def aliases(self) -> Named[ArtifactVersion]:
        """The versions that hold an alias, by alias: ``artifact.aliases["production"]``."""
        from runlore.recall.aliases import aliases_by_name  # most look-ups need nothing of aliases

        note_read(f"the aliases of {self.pathspec}")
        return aliases_by_name(self._reader, self.name, self.pathspec)

    def alias_history(self, alias: str) -> tuple[AliasMove, ...]:
        """Every move of an alias, oldest first: which version got it, or ``None`` where it was taken away, and when.

        A version that was deleted since reads ``None`` as well, and the move says so. Raises `NotFound` if there never
        was such an alias.
        """
        from runlore.recall.aliases import moves  # see `aliases`

        note_read(f"the aliases of {self.pathspec}")
        return moves(self._reader, self.name, alias)

    def roll_back(self, alias: str) -> ArtifactVersion:
        """Give an alias back to the version that held it before, and return that one; once more undoes it.

        Raises `NotFound` when no other version held it before, or when that one was deleted.
        """
        from runlore.recall.aliases import roll_back  # see `aliases`

        note_read(f"the aliases of {self.pathspec}")
        return self._reader.version_at(roll_back(self._record, self.name, alias))

    def remove_alias(self, alias: str) -> None:
        """Let no version hold an alias. Raises `NotFound` when none does."""
        from runlore.recall.aliases import take_away  # see `aliases`

        note_read(f"the aliases of {self.pathspec}")
        take_away(self._record, self.name, alias)

    def to_row(self) -> dict[str, Any]:
        """Facts for a table, by column."""
        note_read(f"artifact {self.name!r}")
        noun = self._noun
        return {"name": noun.name, "versions": noun.versions, "id": noun.id, "created": noun.created}

    def __iter__(self) -> Iterator[ArtifactVersion]:
        return iter(self.versions)

    def _repr_html_(self) -> str:
        from runlore.recall.html.listing import artifact_html  # what only notebooks need

        return artifact_html(self)

    def __len__(self) -> int:
        return self.num_versions

    def _key(self, child: ArtifactVersion) -> str:
        return child.version

    def _holds(self, handle: Any) -> bool:
        return handle in self.versions

    def _ipython_key_completions_(self) -> list[str]:
        return [*(version.version for version in self.versions[:COMPLETIONS]), *self.aliases, "latest"]

    def __repr__(self) -> str:
        note_read(f"artifact {self.name!r}")
        return f"<Artifact {shortened(repr(self.name), 64)}, {counted(self._noun.versions, 'version')}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artifact) and (self._record.id, self.id) == (other._record.id, other.id)

    def __hash__(self) -> int:
        return hash((self._record.id, "artifact", self.id))
