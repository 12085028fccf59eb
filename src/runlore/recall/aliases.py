"""Aliases: which version of an artifact holds which label, since when, and how that is changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runlore.errors import NotFound
from runlore.model import artifact as model
from runlore.model.name import checked_alias
from runlore.model.noun import noun
from runlore.model.suggest import did_you_mean
from runlore.recall.named import Named

if TYPE_CHECKING:
    from runlore.recall.reader import Reader
    from runlore.recall.version import ArtifactVersion
    from runlore.record.port import Record


@noun
class AliasMove:
    """One move of an alias: which version got it, or ``None`` where it was taken away, and when."""

    alias: str
    version: ArtifactVersion | None
    at: datetime
    #: A version got it that was deleted since.
    deleted: bool = False

    def to_row(self) -> dict[str, Any]:
        """Facts for a table, by column."""
        version = self.version
        return {
            "alias": self.alias,
            "version": None if version is None else version.version,
            "since": self.at,
            "id": None if version is None else str(version.id),
            "deleted": self.deleted,
        }


def aliases_by_name(reader: Reader, artifact: str, owner: str) -> Named[ArtifactVersion]:
    """The versions of an artifact that hold an alias, by alias."""
    held = {one.name: reader.version_at(one.version) for one in reader.record.aliases(artifact) if one.version}
    return Named(held, kind="alias", owner=owner)


def moves(reader: Reader, artifact: str, alias: str | None) -> tuple[AliasMove, ...]:
    """Every move of an alias, oldest first; without one, since when each alias is held. Raises `NotFound`."""
    if alias is None:
        found = reader.record.aliases(artifact)
    else:
        found = reader.record.alias_history(artifact, alias)
        if not found:
            raise _never(reader.record, artifact, alias)
    told = [(one, _version(reader, one)) for one in found]
    return tuple(
        AliasMove(alias=one.name, version=version, at=one.at, deleted=version is None and one.version is not None)
        for one, version in told
    )


def move(record: Record, artifact: str, alias: str, version: int | None) -> None:
    """Let ``version`` hold the alias, or nobody, in one commit."""
    from runlore.model.change import AliasMoved  # what writes is not imported by who only reads

    alias = checked_alias(alias)
    record.commit([AliasMoved(artifact=artifact, alias=alias, version=version, at=datetime.now(UTC))])


def take_away(record: Record, artifact: str, alias: str) -> None:
    """Let nobody hold the alias. Raises `NotFound` when nobody does."""
    with record.batch():
        record.aliased(artifact, alias)
        move(record, artifact, alias, None)


def roll_back(record: Record, artifact: str, alias: str) -> int:
    """Give the alias back to the version that held it before whichever holds it now, and return that one's seq.

    Nobody moves it between looking and moving. Raises `NotFound` when there is none, or when it was deleted.
    """
    with record.batch():
        history = record.alias_history(artifact, alias)
        if not history:
            raise _never(record, artifact, alias)
        holder = history[-1].version
        before = next((one.version for one in reversed(history) if one.version not in (None, holder)), None)
        if before is None:
            raise NotFound(f"No other version of artifact {artifact!r} held {alias!r} before.")
        try:
            record.version(before)
        except NotFound:
            raise NotFound(
                f"The version of artifact {artifact!r} that held {alias!r} before was deleted. Choose another by its "
                f'version: client.get_artifact_version({artifact!r}, "…").promote({alias!r}).'
            ) from None
        move(record, artifact, alias, before)
    return before


def _never(record: Record, artifact: str, alias: str) -> NotFound:
    known = [one.name for one in record.aliases(artifact)]
    return NotFound(f"No version of artifact {artifact!r} was ever called {alias!r}.{did_you_mean(alias, known)}")


def _version(reader: Reader, one: model.Alias) -> ArtifactVersion | None:
    if one.version is None:
        return None
    try:
        return reader.version_at(one.version)
    except NotFound:  # pruned since
        return None
