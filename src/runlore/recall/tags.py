"""Tags: labels that people and runlore put on pipelines, runs, steps, artifacts and versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from runlore.author.reads import note_read
from runlore.errors import TagProtected
from runlore.model.metadata import Owner, OwnerKind

if TYPE_CHECKING:
    from runlore.record.port import Record

#: What the methods that take several tags accept: a tag, or anything that walks over tags.
Tags = str | Iterable[str]


class Tagged:
    """What shows tags: its own, and those of the run that it belongs to."""

    @property
    def _record(self) -> Record:
        raise NotImplementedError

    @property
    def pathspec(self) -> str:
        """Name by position; see `docs/design/semantics.md`, "Pathspecs"."""
        raise NotImplementedError

    def _tag_owners(self) -> tuple[Owner, ...]:
        """Whose tags it shows: what bears them itself first."""
        raise NotImplementedError

    @property
    def user_tags(self) -> frozenset[str]:
        """Tags that people gave to it or to the run that it belongs to."""
        return self._shown(system=False)

    @property
    def system_tags(self) -> frozenset[str]:
        """Tags that runlore gave to it or to the run that it belongs to, such as ``user:ann``."""
        return self._shown(system=True)

    @property
    def all_tags(self) -> frozenset[str]:
        """Tags that anybody gave to it or to the run that it belongs to."""
        return self.user_tags | self.system_tags

    def _shown(self, *, system: bool) -> frozenset[str]:
        note_read(f"the tags of {self.pathspec}")
        found = (tag for owner in self._tag_owners() for tag in self._record.tags(owner))
        return frozenset(tag.name for tag in found if tag.system is system)


class Taggable(Tagged):
    """What bears tags of its own. Changing them changes neither the order of anything nor any time."""

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags that people gave to this very thing, by name."""
        note_read(f"the tags of {self.pathspec}")
        return tuple(tag.name for tag in self._record.tags(self._tag_owners()[0]) if not tag.system)

    @property
    def own_system_tags(self) -> tuple[str, ...]:
        """Tags that runlore gave to this very thing, by name."""
        note_read(f"the tags of {self.pathspec}")
        return tuple(tag.name for tag in self._record.tags(self._tag_owners()[0]) if tag.system)

    def add_tag(self, tag: str) -> None:
        """Add a tag; one that is there already, given by people or by runlore, stays as it is."""
        self._change(add=[tag])

    def add_tags(self, *tags: Tags) -> None:
        """Add all ``tags``, or none if one of them is invalid: ``add_tags("a", "b")`` or ``add_tags(["a", "b"])``."""
        self._change(add=_each(tags))

    def remove_tag(self, tag: str) -> None:
        """Remove a tag; one that is not there is passed over. Raises `TagProtected` for one that runlore gave."""
        self._change(remove=[tag])

    def remove_tags(self, *tags: Tags) -> None:
        """Remove all ``tags`` that are there. Raises `TagProtected`, removing none, if runlore gave one of them."""
        self._change(remove=_each(tags))

    def replace_tag(self, remove: str, add: str) -> None:
        """Remove one tag and add one in one commit, as `remove_tag` and then `add_tag` would."""
        self._change(remove=[remove], add=[add])

    def replace_tags(self, remove: Tags, add: Tags) -> None:
        """Remove tags, then add tags, all in one commit or nothing; a tag in both ends up present."""
        self._change(remove=_each([remove]), add=_each([add]))

    def _change(self, *, add: Iterable[object] = (), remove: Iterable[object] = ()) -> None:
        from runlore.model.change import TagsChanged  # what writes is not imported by who only reads
        from runlore.model.name import checked_tag

        removed = tuple(dict.fromkeys(map(checked_tag, remove)))
        added = tuple(dict.fromkeys(map(checked_tag, add)))
        if not (added or removed):
            return
        owner = self._tag_owners()[0]
        # nobody deletes it, or gives it tags, between looking and writing
        with self._record.batch():
            self._still_there(owner)
            given = {tag.name for tag in self._record.tags(owner) if tag.system}
            protected = [tag for tag in removed if tag in given]
            if protected:
                named = ", ".join(map(repr, protected))
                raise TagProtected(
                    f"{self.pathspec}: {named} was given by runlore and cannot be removed. Nothing was changed."
                )
            self._record.commit([TagsChanged(owner=owner, add=added, remove=removed)])

    def _still_there(self, owner: Owner) -> None:
        if owner.kind in (OwnerKind.RUN, OwnerKind.STEP):
            self._record.run(owner.seq)
        elif owner.kind is OwnerKind.VERSION:
            self._record.version(owner.seq)


def _each(tags: Iterable[object]) -> Iterator[object]:
    for tag in tags:
        if isinstance(tag, (str, bytes)) or not isinstance(tag, Iterable):
            yield tag  # what is no text is refused when it is checked
        else:
            yield from tag
