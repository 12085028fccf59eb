"""Saving: artifact versions that are made by hand, from a value or from files that stay where they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from runlore.author.artifact_config import checked_artifact_type, checked_tags
from runlore.author.reads import settle, without_secrets
from runlore.errors import AlreadyExists, NotFound
from runlore.execute.context import current_step_context
from runlore.model.artifact import Content, SaveType, Version
from runlore.model.change import MetadataSet, NewVersion, Output, TagsChanged, VersionSaved
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.name import checked_name, checked_version
from runlore.model.noun import changed
from runlore.record.meaning import version_called
from runlore.record.port import Record
from runlore.record.vault import Vault
from runlore.values.facts import facts
from runlore.values.metadata import encode_metadata, kept_metadata


class Saving:
    """Makes versions of one artifact by hand. A name, tag or metadata that cannot be is refused before work is done.

    ``holding`` holds a lease, so that files being stored are not pruned before they are committed. In a step, its run
    has one.
    """

    def __init__(
        self,
        record: Record,
        vault: Vault,
        name: str,
        *,
        holding: Callable[[], AbstractContextManager[None]] = nullcontext,
        version: str | int | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        artifact_type: str | None = None,
        is_model_artifact: bool = False,
    ) -> None:
        self._record = record
        self._vault = vault
        self._holding = nullcontext if current_step_context() is not None else holding
        self._name = checked_name("artifact", name, slash=True)
        self._label = None if version is None else checked_version(version)
        self._tags = checked_tags(tags or ())
        self._notes = without_secrets(kept_metadata(metadata or {}))
        self._type = checked_artifact_type(artifact_type) or ("ModelArtifact" if is_model_artifact else None)

    def save(self, value: Any, *, materializer: Any = None, describe: bool = True, draw: bool = True) -> Version:
        """Store ``value``; return the new version."""
        self._refuse_taken()
        with ExitStack() as held:
            content = self._vault.store(
                value,
                materializer=materializer,
                describe=describe,
                draw=draw,
                before_blobs=lambda: held.enter_context(self._holding()),
            )
            return self._add(content, SaveType.MANUAL)

    def register(self, path: str | os.PathLike[str], *, outside: bool = False) -> Version:
        """Record what is at ``path``; return its version.

        That is the newest version of the artifact, which gets the tags and metadata, if that is the same content at the
        same place under a label that fits.
        """
        with self._holding():
            content = self._vault.register(path, outside=outside)
            settle()
            newest = version_called(self._record, self._name, None)
            same = newest is not None and newest.content.digest == content.digest and not newest.deleted
            if newest is not None and same and self._label in (None, newest.version):
                self._note(newest.seq)
                self._show(newest.seq)
                return newest
            self._refuse_taken()
            return self._add(content, SaveType.REGISTERED)

    def _add(self, content: Content, save_type: SaveType) -> Version:
        if self._type is not None:
            content = changed(content, artifact_type=self._type)
        new = NewVersion(
            id=uuid4(),
            artifact=self._name,
            content=content,
            save_type=save_type,
            version=self._label,
            tags=self._tags,
            metadata=self._entries(),
            facts=self._facts(),
        )
        seq, label = self._record.commit([VersionSaved(version=new)]).versions[new.id]
        self._show(seq)
        try:
            return self._record.version(seq)
        except NotFound:  # pruned at once, by somebody who prunes what was saved by hand
            return Version(
                seq=seq,
                id=new.id,
                artifact=self._name,
                version=label,
                created=datetime.now(UTC),
                save_type=save_type,
                content=content,
                deleted=True,
            )

    def _refuse_taken(self) -> None:
        """Say so before a large value is stored that the label is taken; the commit decides."""
        found = None if self._label is None else version_called(self._record, self._name, self._label)
        if found is not None:
            what = "a version" if found.version == self._label else "an alias"
            raise AlreadyExists(
                f"Artifact {self._name!r} has {what} {self._label!r} already. Choose another label, or none."
            )

    def _note(self, seq: int) -> None:
        owner = Owner(kind=OwnerKind.VERSION, seq=seq)
        changes: list[MetadataSet | TagsChanged] = []
        if self._notes:
            changes.append(MetadataSet(owner=owner, values=self._entries(), at=datetime.now(UTC), facts=self._facts()))
        if self._tags:
            changes.append(TagsChanged(owner=owner, add=self._tags))
        if changes:
            self._record.commit(changes)

    def _show(self, seq: int) -> None:
        """Let the version show among the saved artifacts of the running step, if there is one."""
        context = current_step_context()
        if context is not None and all(one.value != seq for one in context.saved):
            context.saved.append(Output(name=self._name, value=seq, direction="saved"))

    def _entries(self) -> tuple[tuple[str, str], ...]:
        return tuple((key, encode_metadata(key, one)) for key, one in self._notes.items())

    def _facts(self) -> tuple[tuple[str, object], ...]:
        return tuple(fact for key, one in self._notes.items() for fact in facts(key, one))
