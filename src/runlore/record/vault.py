"""Vault: where values become bytes that are kept, and bytes values again.

It decides whether a value is a row of the record or a blob, verifies whatever is read, and holds the pickle policy.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from runlore.errors import (
    ArtifactChanged,
    ArtifactCorrupt,
    ArtifactMissing,
    MissingExtra,
    RunloreError,
    UntrustedPickle,
    ValueUnloadable,
    ValueUnstorable,
)
from runlore.model.artifact import Content, KeptPicture
from runlore.model.digest import digest_of
from runlore.model.noun import changed
from runlore.record.blobs.port import Blobs
from runlore.record.blobs.tree import File, Tree, decode_tree
from runlore.record.key import installation_key
from runlore.record.port import Record
from runlore.record.reading import BlobReader, InlineReader, TreeReader
from runlore.record.registered import (
    Registered,
    RegisteredFiles,
    RegisteredReader,
    decode_registered,
    encode_registered,
)
from runlore.record.writing import Sink
from runlore.values import codec, pickled
from runlore.values.materializer import Declined, Materializer, Reader
from runlore.values.metadata import plain_metadata
from runlore.values.pictures import drawn, to_keep
from runlore.values.registry import LONG_TEXT, by_name, materializer_for, materializers_for, revision
from runlore.values.typenames import type_name

__all__ = ["COLLECTION", "Vault", "collection_of", "installation_key"]

#: Materializer name of what a mapped step makes: a value without bytes of its own, whose items have theirs.
COLLECTION = "collection"
#: Materializer and form of files and folders that stay where they are.
REGISTERED = "registered"
#: Key in `Content.meta` of the signature (hex) of bytes that can run code when they are loaded.
MAC = "mac"
#: Key in `Content.meta` of what wrote bytes that can run code: library → version.
WRITTEN_BY = "written_by"
#: Key in `Content.meta` that says, when false, that no pictures are to be made.
PICTURES = "pictures"
#: Classes that steps return most; their values are stored without a `Writer`.
_SCALARS = frozenset({type(None), bool, int, float, str})


class Vault:
    """Stores values, and loads them again.

    Args:
        record: keeps payloads up to ``inline_limit`` bytes; the caller commits the `Content` returned by `store`.
        blobs: keeps larger ones, and trees.
        key: signs what can run code when loaded; see `installation_key`.
        policy: which pickles load without being asked for by ``trust=True``: ``own``, ``trust`` (all), ``never``; with
            ``deny`` none is stored, and none loads even so. Pickle stands for whatever runs code when it is loaded.
        registered: takes in, and checks, what stays where it is; without it, nothing can be registered.
    """

    def __init__(
        self,
        record: Record,
        blobs: Blobs,
        *,
        inline_limit: int = 32 * 1024,
        key: bytes = b"",
        policy: str = "own",
        registered: RegisteredFiles | None = None,
    ) -> None:
        self.record = record
        self.blobs = blobs
        self.inline_limit = inline_limit
        # what may be long enough to be stored as it is goes the long way
        self._short = min(inline_limit, LONG_TEXT)
        self._key = key
        self._policy = policy
        self._registered = registered
        #: (class, annotation) of scalars that the typed codec stores, as long as nobody registers a materializer.
        self._plain: set[tuple[type, Any]] = set()
        self._plain_at = -1

    def store(
        self,
        value: Any,
        *,
        annotation: Any = None,
        materializer: Any = None,
        describe: bool = True,
        draw: bool | None = None,
        before_blobs: Callable[[], object] | None = None,
    ) -> Content:
        """Turn ``value`` into kept bytes. Blobs are durable on return; an inline payload is when it is committed.

        Args:
            annotation: what the code says the value is.
            materializer: what the user asked for, to store it.
            describe: let the materializer note what the value is.
            draw: draw cheap pictures now. ``None`` leaves all to the first look; ``False`` also notes that none are to
                be made.
            before_blobs: called before a blob is written, if one is: a row of the record is kept with its commit, while
                a blob is nobody's until then.

        Raises `ValueUnstorable`, or `StoreFull` and its like.
        """
        if type(value) in _SCALARS and materializer is None and self._is_plain(value, annotation):
            text = codec.encode(value).encode()
            if len(text) <= self._short:
                content = _scalar(value, text, describe)
                return _without_pictures(content) if draw is False else content
        for chosen in materializers_for(value, annotation=annotation, explicit=materializer):
            try:
                return self._save(value, chosen, describe, draw, before_blobs)
            except Declined:
                if materializer is not None:
                    raise
        raise ValueUnstorable(f"No materializer stores a {type_name(type(value))}.")

    def _save(
        self,
        value: Any,
        chosen: Materializer,
        describe: bool,
        draw: bool | None,
        before_blobs: Callable[[], object] | None,
    ) -> Content:
        if chosen.runs_code and self._policy == "deny":
            raise ValueUnstorable(
                f"A {type_name(type(value))} can only be stored as a pickle (by {chosen.name!r}), and the "
                "setting pickle is 'deny' here. Return what it is made of, give its class a Materializer of its own, "
                "or set RUNLORE_PICKLE=own."
            )
        sink = Sink(self.blobs, self.inline_limit, self._key if chosen.runs_code else None, before_blobs)
        try:
            chosen.save(value, sink)
            form, digest, size, payload = sink.finish()
        except RunloreError:
            raise
        except Exception as error:
            raise ValueUnstorable(
                f"The materializer {chosen.name!r} could not store a {type_name(type(value))}: "
                f"{type(error).__name__}: {error}."
            ) from error
        finally:
            sink.abort()
        added: dict[str, Any] = {}
        if sink.mac is not None:
            from runlore.values.written import written_by  # what only pickles need

            added = {WRITTEN_BY: written_by(sink.head), MAC: sink.mac.hex()}
        pictures: tuple[KeptPicture, ...] = ()
        if draw is False:
            added[PICTURES] = False
        elif draw and chosen.cheap_pictures:
            with suppress(ValueUnstorable):  # the value is stored; a look at it says what is wrong
                pictures = to_keep(drawn(chosen, value))
        artifact_type = pickled.artifact_type_of(value) if chosen.name == "cloudpickle" else chosen.artifact_type
        return Content(
            materializer=chosen.name,
            type=type_name(type(value)),
            digest=digest,
            size=size,
            form=form,
            payload=payload,
            meta=_meta(chosen, value, describe, added),
            artifact_type=artifact_type.value,
            pictures=pictures,
        )

    def register(self, path: str | os.PathLike[str], *, outside: bool = False) -> Content:
        """Describe a file or folder that stays where it is (`RegisteredFiles.take`); only the description is kept."""
        found = self._in_place().take(path, outside=outside)
        notes = {"path": str(self._in_place().place(found)), "files": len(found.files)}
        return Content(
            materializer=REGISTERED,
            type="pathlib.Path",
            digest=self.blobs.put(encode_registered(found)),
            size=found.size,
            form=REGISTERED,
            meta=codec.encode(notes),
        )

    def load(
        self, content: Content, *, trust: bool = False, about: str = "", moved: Mapping[str, str] | None = None
    ) -> Any:
        """Return the value, made afresh from verified bytes.

        Args:
            trust: load it even if it is a pickle that this installation did not write.
            about: what it is, for errors: ``training/12/train/model``.
            moved: stored names of classes → what is called so now, see `pickled.renaming`.

        Raises `ArtifactMissing`, `ArtifactCorrupt`, `UntrustedPickle`, `MissingExtra`, `ValueUnloadable`.
        """
        try:
            reader = self.reader(content)
            materializer = by_name(content.materializer)
            with pickled.renaming(moved):
                if materializer.runs_code:
                    return self._load_code(content, materializer, reader, trust)
                return materializer.load(reader)
        except RunloreError as error:
            raise _named(error, content, about) from error
        except Exception as error:
            raise ValueUnloadable(
                f"{_subject(content, about)}: the materializer {content.materializer!r} could not load it: "
                f"{type(error).__name__}: {error}."
            ) from error

    def present(self, content: Content) -> bool:
        """Whether `load` would find whole bytes and a materializer. No value is loaded.

        A collection has no bytes of its own: ask for its items.
        """
        if content.materializer == COLLECTION:
            return True
        try:
            by_name(content.materializer)
            if content.form == "inline":
                self._payload(content)
            elif content.form == "blob":
                self.blobs.path(content.digest)
            elif content.form == REGISTERED:
                self.reader(content).path()
            else:
                for file in self.files(content):
                    self.blobs.path(file.digest)
        except (ArtifactMissing, ArtifactCorrupt, ArtifactChanged, ValueUnloadable):
            return False
        return True

    def reader(self, content: Content) -> Reader:
        """Give access to the bytes, each verified when it is read. Raises `ArtifactMissing`, `ArtifactCorrupt`."""
        if content.materializer == COLLECTION:
            raise ValueUnloadable("A collection has no bytes of its own; its items have.")
        if content.form == "inline":
            return InlineReader(self._payload(content), content.digest)
        if content.form == "blob":
            return BlobReader(self.blobs, content.digest, content.size)
        if content.form == REGISTERED:
            return RegisteredReader(self._in_place(), self._registered_as(content.digest))
        return TreeReader(self.blobs, content.digest, self.tree(content))

    def files(self, content: Content) -> tuple[File, ...]:
        """Files of a tree, by name; empty for any other form."""
        return self.tree(content).files if content.form == "tree" else ()

    def tree(self, content: Content) -> Tree:
        """Files and empty folders of a tree."""
        return decode_tree(self.blobs.read(content.digest), content.digest)

    def local_files(self, content: Content) -> Iterator[tuple[str, Path]]:
        """Every file of a tree, or of what was registered, with its name: verified, and where a copy can be made from.

        Once all were asked for, registered files are looked at again, so that a copy is of what was registered.
        """
        if content.form != REGISTERED:
            for file in self.files(content):
                yield file.name, self.blobs.path(file.digest)
            return
        known = self._registered_as(content.digest)
        place = self._in_place().path(known)
        for file in known.files:
            yield file.name, (place / file.name if known.folder else place)
        self._in_place().path(known)

    def is_registered_file(self, content: Content) -> bool:
        """Whether this is a single file that stays where it is."""
        return content.form == REGISTERED and not self._registered_as(content.digest).folder

    def _registered_as(self, digest: str) -> Registered:
        return decode_registered(self.blobs.read(digest), digest)

    def check_registered(self, digest: str) -> None:
        """Hash everything that was registered under a digest. Raises as `load` does."""
        self._in_place().verify(self._registered_as(digest))

    def _in_place(self) -> RegisteredFiles:
        if self._registered is None:
            raise ValueUnloadable("This vault knows no folder in which registered files could lie.")
        return self._registered

    def _is_plain(self, value: Any, annotation: Any) -> bool:
        """Whether the typed codec stores this scalar; remembered, since annotations are slow to go through."""
        if annotation is None:
            return materializer_for(value).name == "json"
        now = revision()
        if now != self._plain_at:
            self._plain.clear()
            self._plain_at = now
        kind = type(value)
        try:
            if (kind, annotation) in self._plain:
                return True
        except TypeError:  # Literal and Annotated may hold what has no hash
            return False
        plain = materializer_for(value, annotation=annotation).name == "json"
        if plain:
            self._plain.add((kind, annotation))
        return plain

    def _payload(self, content: Content) -> bytes:
        payload = content.payload if content.payload is not None else self.record.payload(content.digest)
        if payload is None:
            raise ArtifactMissing(f"The payload {content.digest} is not in the record.")
        if digest_of(payload) != content.digest:
            raise ArtifactCorrupt(
                f"The payload {content.digest} in the record is damaged: its bytes have another digest."
            )
        return payload

    def _load_code(self, content: Content, materializer: Materializer, reader: Reader, trust: bool) -> Any:
        """Load what can run code, if this installation signed it or the caller trusts it."""
        if self._policy == "deny":
            raise UntrustedPickle(
                "This value is a pickle, or something else that can run code when it is loaded, and the setting pickle "
                "is 'deny' here. If you trust who wrote it, set RUNLORE_PICKLE=own, or never and load with trust=True."
            )
        trust = trust or self._policy == "trust"
        key = b"" if self._policy == "never" else self._key
        mac = _mac_of(content)
        if content.form == "tree":
            signed = self.blobs.read(content.digest)  # names every file by its digest
        else:
            signed = reader.read()
        if not trust and not pickled.is_own(signed, mac=mac, key=key):
            raise UntrustedPickle(self._why_not(materializer, mac))
        try:
            if materializer.name == "cloudpickle":
                return pickled.loads(signed, mac=mac, key=key, trust=trust)
            return materializer.load(reader)
        except RunloreError as error:
            if isinstance(error, UntrustedPickle | MissingExtra | ArtifactMissing | ArtifactCorrupt):
                raise
            raise type(error)(f"{error} {_provenance(content)}".strip()) from error
        except Exception as error:
            raise ValueUnloadable(
                f"The materializer {materializer.name!r} could not load it: {type(error).__name__}: {error}. "
                f"{_provenance(content)}".strip()
            ) from error

    def _why_not(self, materializer: Materializer, mac: bytes | None) -> str:
        what = "is a pickle" if materializer.name == "cloudpickle" else f"is stored by {materializer.name!r}"
        if self._policy == "never":
            who = "the setting pickle is 'never' here"
        elif mac is None:
            who = "this installation did not write it (it carries no signature)"
        else:
            who = "this installation did not write it (another installation signed it, or it was changed)"
        return (
            f"This value {what}, and {who}. Loading it can run any code. If you trust who wrote it, load it with "
            "trust=True."
        )


def collection_of(contents: Iterable[Content]) -> Content:
    """Describe the collection of these items, in this order. Its digest is their identities', hashed."""
    identity = sha256(b"runlore-collection-1\n")
    size = count = 0
    for content in contents:
        identity.update(f"{content.materializer} {content.type} {content.digest}\n".encode())
        size += content.size
        count += 1
    return Content(
        materializer=COLLECTION,
        type="builtins.list",
        digest="sha256:" + identity.hexdigest(),
        size=size,
        meta=f'{{"length":{count}}}',
    )


def _without_pictures(content: Content) -> Content:
    """The same content, of which no pictures are to be made."""
    return changed(content, meta=codec.encode({**codec.decode(content.meta), PICTURES: False}), pictures=())


def _scalar(value: Any, payload: bytes, describe: bool) -> Content:
    """Content of a value that the typed codec has turned into ``payload``."""
    return Content(
        materializer="json",
        type="builtins." + type(value).__name__,
        digest=digest_of(payload),
        size=len(payload),
        payload=payload,
        meta=_meta(by_name("json"), value, describe, {}),
    )


def _meta(materializer: Materializer, value: Any, describe: bool, added: Mapping[str, Any]) -> str:
    notes: dict[str, Any] = {}
    if describe:
        try:
            notes.update(materializer.metadata(value))
        except Exception as error:  # the value is stored; a description that fails must not fail the step
            notes["description_failed"] = f"{type(error).__name__}: {error}"
    notes.update(added)
    if len(notes) == 1:  # most values; a third of the time that the general way takes
        [(key, note)] = notes.items()
        if type(note) is str and type(key) is str and key.isidentifier():
            return f"{{{codec.encode(key)}:{codec.encode(note)}}}"
    return codec.encode({str(key): _note(str(key), note) for key, note in notes.items()})


def _note(key: str, note: Any) -> Any:
    """What is kept of one note: numpy scalars as Python values, what no text can carry as its ``str``."""
    try:
        return plain_metadata(key, note)
    except ValueUnstorable:
        return note if codec.is_codable(note) else str(note)


def _provenance(content: Content) -> str:
    """What wrote a pickle and what is here, for an error; empty where nothing was noted."""
    from runlore.values.written import written_and_here  # what only errors need

    with suppress(ValueError, AttributeError, TypeError):
        noted = json.loads(content.meta).get(WRITTEN_BY)
        if isinstance(noted, dict) and all(isinstance(version, str) for version in noted.values()):
            return written_and_here(noted)
    return ""


def _mac_of(content: Content) -> bytes | None:
    with suppress(ValueError, AttributeError, TypeError):
        text = json.loads(content.meta).get(MAC)
        return bytes.fromhex(text) if isinstance(text, str) else None
    return None


def _subject(content: Content, about: str) -> str:
    return f"{about} ({content.type})" if about else f"A {content.type} with digest {content.digest}"


def _named(error: RunloreError, content: Content, about: str) -> RunloreError:
    """The same kind of error, saying what it is about and, where bytes are lost, what helps."""
    remedy = ""
    if content.form == REGISTERED:
        if isinstance(error, ArtifactMissing | ArtifactChanged):
            remedy = " Put back what was there, or register it again as a new version."
    elif isinstance(error, ArtifactMissing | ArtifactCorrupt):
        remedy = " Run the step again with enable_cache=False to make it anew, or restore the file from a backup."
    return type(error)(f"{_subject(content, about)}: {error}{remedy}")
