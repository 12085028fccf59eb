"""Notes: metadata of a run, step or version, as mappings of plain values or of entries; their tags are in `tags`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runlore.author.reads import note_read, without_secrets
from runlore.model.metadata import Entry, Owner
from runlore.model.noun import noun
from runlore.recall.decoding import decode_notes
from runlore.recall.named import Named
from runlore.recall.note import Annotatable
from runlore.recall.tags import Taggable

if TYPE_CHECKING:
    from runlore.record.port import Record


@noun
class MetadataEntry:
    """One metadata value: ``value``, the name of its ``type``, and when it was written."""

    key: str
    value: Any
    created: datetime

    @property
    def type(self) -> str:
        """Name of the value's class, such as ``float``."""
        return type(self.value).__name__


def entry_of(entry: Entry) -> MetadataEntry:
    """Decode a recorded entry."""
    return MetadataEntry(key=entry.key, value=decode_notes(entry.value), created=entry.created)


class Notes(Taggable, Annotatable):
    """Metadata, tags and the note of one owner; base of the handles that have them."""

    @property
    def _record(self) -> Record:
        raise NotImplementedError

    def _owner(self) -> Owner:
        raise NotImplementedError

    def _tag_owners(self) -> tuple[Owner, ...]:
        return (self._owner(),)

    def _noted(self) -> Mapping[str, MetadataEntry]:
        """Entries that runlore itself noted, which are no rows of the metadata table."""
        return {}

    @property
    def run_metadata(self) -> Named[MetadataEntry]:
        """Metadata as entries with ``.value``, ``.type`` and ``.created``, in the order of first writing."""
        note_read(f"the metadata of {self.pathspec}")
        entries = dict(self._noted())
        for entry in self._record.metadata(self._owner()):
            entries[entry.key] = entry_of(entry)
        return Named(entries, kind="metadata entry", owner=self.pathspec)

    @property
    def metadata(self) -> Named[Any]:
        """Metadata as plain values."""
        values = {key: entry.value for key, entry in self.run_metadata.items()}
        return Named(values, kind="metadata entry", owner=self.pathspec)

    def metadata_history(self, key: str) -> tuple[MetadataEntry, ...]:
        """Every value that ``key`` ever had, oldest first."""
        note_read(f"the metadata of {self.pathspec}")
        return tuple(entry_of(entry) for entry in self._record.metadata_history(self._owner(), key))

    def log_metadata(self, values: Mapping[str, Any]) -> None:
        """Write metadata; a later write of a key wins. Raises `ValueUnstorable` for what cannot be kept exactly."""
        from runlore.model.change import MetadataSet  # what writes is not imported by who only reads
        from runlore.values.facts import facts
        from runlore.values.metadata import encode_metadata, kept_metadata

        values = without_secrets(kept_metadata(values))
        encoded = tuple((key, encode_metadata(key, value)) for key, value in values.items())
        found = tuple(fact for key, value in values.items() for fact in facts(key, value))
        change = MetadataSet(owner=self._owner(), values=encoded, at=datetime.now(UTC), facts=found)
        self._record.commit([change])
