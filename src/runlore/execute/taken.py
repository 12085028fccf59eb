"""Taken over: the version that an earlier result becomes where a name, label, kind, tag or note is asked for anew."""

from __future__ import annotations

from uuid import uuid4

from runlore.model.artifact import Version
from runlore.model.change import NewVersion
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.noun import changed
from runlore.model.plan import PlannedOutput
from runlore.plan.redaction import Redaction
from runlore.record.meaning import version_called
from runlore.record.port import Record
from runlore.record.vault import COLLECTION
from runlore.values.codec import decode_notes
from runlore.values.facts import facts
from runlore.values.metadata import encode_metadata


def taken_over(planned: PlannedOutput, found: Version, record: Record, redaction: Redaction) -> Version | NewVersion:
    """Return the version that ``planned`` asks for and whose value is that of ``found``: itself, or one made of it.

    One that is made has no bytes of its own, and the tags and notes of ``found`` as well: it is the same result.
    A declared note that a version ever had under its key is not asked for anew: something else was noted since.
    """
    named = _is_named(planned, found)
    if named and not planned.tags and not planned.metadata:
        return found
    declared = {key: encode_metadata(key, value) for key, value in redaction.value(dict(planned.metadata)).items()}
    if named and not _lacking(planned, declared, found, record):
        return found
    last = version_called(record, planned.artifact, planned.version)
    if last is None or not _is_of(found, last):
        return _made(planned, declared, found, found, record)
    if _is_named(planned, last) and not _lacking(planned, declared, last, record):
        return last
    return _made(planned, declared, last, found, record)


def _is_of(found: Version, last: Version) -> bool:
    """Whether ``last`` was made of ``found`` before; a collection has items of its own, and so no origin."""
    if last.deleted:
        return False
    return (
        last.origin == found.id
        or last.content.materializer == COLLECTION
        and (last.content.digest == found.content.digest)
    )


def _is_named(planned: PlannedOutput, version: Version) -> bool:
    """Whether artifact, label and kind of a version are those that are asked for."""
    return (
        version.artifact == planned.artifact
        and planned.version in (None, version.version)
        and planned.artifact_type in (None, version.content.artifact_type)
    )


def _lacking(planned: PlannedOutput, declared: dict[str, str], version: Version, record: Record) -> set[str]:
    """Tags and keys of notes that are declared and that a version never had."""
    owner = Owner(kind=OwnerKind.VERSION, seq=version.seq)
    keys = {
        key
        for key, text in declared.items()
        if text not in (entry.value for entry in record.metadata_history(owner, key))
    }
    return keys | set(planned.tags).difference(tag.name for tag in record.tags(owner))


def _made(
    planned: PlannedOutput, declared: dict[str, str], base: Version, found: Version, record: Record
) -> NewVersion:
    owner = Owner(kind=OwnerKind.VERSION, seq=base.seq)
    noted = {entry.key: entry.value for entry in record.metadata(owner)}
    lacking = _lacking(planned, declared, base, record)
    notes = noted | {key: text for key, text in declared.items() if key in lacking}
    content = changed(found.content, payload=None)
    if planned.artifact_type is not None:
        content = changed(content, artifact_type=planned.artifact_type)
    return NewVersion(
        id=uuid4(), artifact=planned.artifact, content=content, version=planned.version,
        tags=tuple(dict.fromkeys((*planned.tags, *(tag.name for tag in record.tags(owner) if not tag.system)))),
        # what was declared comes first, so that it is in the history of what was noted over it
        metadata=tuple(dict.fromkeys((*declared.items(), *notes.items()))),
        facts=tuple(fact for key, text in notes.items() for fact in facts(key, decode_notes(text))),
        origin=found.id,
    )  # fmt: skip
