"""The part of the record's contract about pruning: marks, and what they leave alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from runlore.errors import NotFound
from runlore.model.artifact import KeptPicture, LookedUp, SaveType
from runlore.model.change import (
    AliasMoved,
    Input,
    MetadataSet,
    NewVersion,
    NoteWritten,
    Output,
    PicturesKept,
    VersionSaved,
)
from runlore.model.digest import digest_of
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.pruning import Pruning
from runlore.model.query import Condition, Operator, Query
from runlore.record.port import Record
from runlore.testing.record_stories import (
    END,
    at,
    begun,
    blob,
    done,
    finished,
    inline,
    new_step,
    new_version,
    step_end,
)

_ANY = SaveType.EXTERNAL


def _saved(record: Record, *new: NewVersion) -> list[int]:
    receipt = record.commit([VersionSaved(version=version) for version in new])
    return [receipt.versions[version.id][0] for version in new]


def _loose(record: Record, count: int, artifact: str = "model") -> list[int]:
    """Versions that nothing refers to."""
    return _saved(record, *(new_version(artifact, f"{artifact} {n}".encode(), save_type=_ANY) for n in range(count)))


def _marked(record: Record, pruning: Pruning, held: Iterable[str] = ()) -> tuple[int, ...]:
    """Mark what can be pruned, while these leases are held."""
    found = record.prunable(pruning)
    going = record.condemn([one.seq for one in found.versions], found.since, pruning.part)
    record.settle(record.marks(), frozenset(held))
    return going


def _pruned(record: Record, pruning: Pruning | None = None) -> tuple[int, ...]:
    pruning = pruning or Pruning()
    since = record.prunable(pruning).since
    going = _marked(record, pruning)
    while record.clear(2):
        pass
    wanted = {digest for digest, _ in record.references()}
    record.drop_payloads([digest for digest, _ in record.payloads() if digest not in wanted], since)
    record.compact()
    return going


class RecordPruneContract:
    """What every record does about what nothing refers to. Give a ``record`` fixture: an empty store."""

    def names(self, record: Record, pruning: Pruning | None = None) -> list[str]:
        return [one.name for one in record.prunable(pruning or Pruning()).versions]

    def test_only_what_nothing_refers_to_can_be_pruned(self, record: Record) -> None:
        """Versions of a run, with an alias, looked up, or whose bytes another took over stay; the others can go."""
        made, used, aliased, looked, origin = (new_version(name, name.encode(), save_type=_ANY) for name in "abcde")
        _saved(record, used, aliased, looked, origin)
        seqs = {version.artifact: version.seq for version in record.select(Query(noun="version")).items}
        _saved(record, new_version("f", b"e", origin=origin.id))
        record.commit([AliasMoved(artifact="c", alias="gold", version=aliased.id, at=at(1))])
        looked_up = (LookedUp(artifact="d", version=seqs["d"]),)
        run = done(record, made, key=b"k", looked_up=looked_up)
        other, fence = begun(record)
        record.commit([finished(0, inputs=(Input(name="x", version=seqs["b"]),)), step_end(), END], fence=fence)

        assert self.names(record) == ["f@1"]

        record.delete_run(run.seq)
        assert self.names(record) == ["d@1", "f@1", "a@1"]
        record.delete_run(other.seq)
        record.commit([AliasMoved(artifact="c", alias="gold", version=None, at=at(2))])
        assert self.names(record) == ["b@1", "c@1", "d@1", "f@1", "a@1"]
        assert len(_pruned(record)) == 5
        assert self.names(record) == ["e@1"]

    @pytest.mark.parametrize("kind", [SaveType.MANUAL, SaveType.REGISTERED])
    def test_what_was_saved_by_hand_stays_unless_asked_for(self, record: Record, kind: SaveType) -> None:
        """A version that somebody saved or registered is pruned with ``manual`` only."""
        _saved(
            record, new_version("kept", b"1", save_type=kind), new_version("other", b"2", save_type=SaveType.EXTERNAL)
        )

        assert self.names(record) == ["other@1"]
        assert self.names(record, Pruning(manual=True)) == ["kept@1", "other@1"]

    def test_age_and_number_keep_versions(self, record: Record) -> None:
        """``before`` spares what is newer, ``keep_last`` the newest of each artifact, used or not."""
        run, fence = begun(record)
        record.commit([finished(0, *(new_version("m", bytes([n])) for n in range(3)), ended=at(5)), step_end(), END],
                      fence=fence)  # fmt: skip
        record.delete_run(run.seq)
        late = done(record, new_version("m", b"late"), new_version("n", b"late"))

        assert self.names(record) == ["m@1", "m@2", "m@3"]
        assert self.names(record, Pruning(keep_last=1)) == ["m@1", "m@2", "m@3"]
        assert self.names(record, Pruning(keep_last=3)) == ["m@1"]
        assert self.names(record, Pruning(before=at(5))) == []
        assert self.names(record, Pruning(before=at(6))) == ["m@1", "m@2", "m@3"]
        assert late.status.finished

    def test_pruned_versions_are_gone_with_their_notes(self, record: Record) -> None:
        """Nothing of a pruned version, nor of an artifact without versions, is found any more; its numbers go on."""
        first, second = _loose(record, 2)
        owner = Owner(kind=OwnerKind.VERSION, seq=first)
        record.commit([MetadataSet(owner=owner, values=(("loss", "1"),), at=at(1), facts=(("loss", 1),))])
        record.commit([NoteWritten(owner=owner, text="diverged", at=at(1))])

        assert _pruned(record) == (first, second)

        for seq in (first, second):
            with pytest.raises(NotFound):
                record.version(seq)
        assert record.metadata(owner) == () and record.notes(owner) == ()
        assert list(record.payloads()) == [] and list(record.references()) == []
        assert record.count(Query(noun="version")) == record.count(Query(noun="artifact")) == 0
        assert record.select(Query(noun="version")).items == record.select(Query(noun="artifact")).items == ()
        assert record.count(Query(noun="version", conditions=(Condition("metadata:loss", Operator.EQ, 1),))) == 0
        assert self.names(record) == [] and list(record.check()) == []
        [third] = _loose(record, 1)
        assert record.version(third).version == "3" and third > second
        assert self.names(record) == ["model@3"]
        assert record.count(Query(noun="version")) == record.count(Query(noun="artifact")) == 1

    def test_equal_bytes_stay_as_long_as_one_refers_to_them(self, record: Record) -> None:
        """A payload goes with the last version or item that has it."""
        shared = b"shared"
        _saved(record, new_version("kept", shared, save_type=SaveType.MANUAL))
        _saved(record, *(new_version("gone", shared, save_type=_ANY) for _ in range(2)))
        run, fence = begun(record, new_step(0, tasks=1))
        record.commit([finished(0, inline(shared)), step_end(), END], fence=fence)

        assert len(_pruned(record)) == 2
        assert record.payload(digest_of(shared)) == shared

        assert len(_pruned(record, Pruning(manual=True))) == 1
        assert record.payload(digest_of(shared)) == shared  # the item of a run

        record.delete_run(run.seq)
        assert _pruned(record) == ()
        assert record.payload(digest_of(shared)) is None

    def test_items_go_with_their_collection(self, record: Record) -> None:
        """The elements of a collection are referred to while it is there, and go when it goes."""
        run, fence = begun(record, new_step(0, tasks=2))
        collection = new_version("many", b"", content=blob(b"all", "inline"))
        record.commit([finished(0, inline(b"0"), item=0), finished(0, blob(b"1"), item=1)], fence=fence)
        record.commit([step_end(outputs=(Output(name="out0", value=collection),)), END], fence=fence)
        [seq] = [version.seq for version in record.select(Query(noun="version")).items]
        record.delete_run(run.seq)
        assert len(record.items(seq)) == 2
        assert ({digest for digest, _ in record.references(without=(seq,))}) == set()

        _pruned(record)

        with pytest.raises(NotFound):
            record.items(seq)
        assert list(record.references()) == [] and list(record.payloads()) == []

    @pytest.mark.parametrize("part", ["artifact", "metadata"])
    def test_bytes_and_metadata_can_go_alone(self, record: Record, part: str) -> None:
        """With "artifact" the version stays and its bytes go; with "metadata" the other way round, for good."""
        first, _ = _loose(record, 2)

        _pruned(record, Pruning(part=part))

        payloads = {digest for digest, _ in record.payloads()}
        if part == "artifact":
            assert record.version(first).deleted and payloads == set()
            assert self.names(record, Pruning(part=part)) == []
            assert self.names(record) == ["model@1", "model@2"]
            _pruned(record)
            assert record.count(Query(noun="version")) == 0
        else:
            assert payloads == {digest_of(b"model 0"), digest_of(b"model 1")}
            _pruned(record)
            assert {digest for digest, _ in record.payloads()} == payloads
            with pytest.raises(NotFound):
                record.version(first)
        assert list(record.check()) == []

    def test_what_is_gone_is_not_spared(self, record: Record) -> None:
        """Forgetting a version whose bytes were deleted before refers to nothing, since nothing is left to keep."""
        seqs = _saved(record, *(new_version("m", content=blob(b"%d" % n, "tree"), save_type=_ANY) for n in range(2)))
        assert _pruned(record, Pruning(part="artifact")) == tuple(seqs)
        _saved(record, new_version("m", b"newest", save_type=SaveType.MANUAL))

        assert _pruned(record, Pruning(part="metadata")) == tuple(seqs)

        assert list(record.references()) == [(digest_of(b"newest"), "inline")]

    def test_bytes_that_stay_are_referred_to_while_their_version_is_marked(self, record: Record) -> None:
        """A version that will be forgotten, and its bytes kept, refers to them until then."""
        _saved(record, new_version("m", content=blob(b"kept"), save_type=_ANY))

        _marked(record, Pruning(part="metadata"), held=["somebody"])

        assert list(record.references(condemned=False)) == [(digest_of(b"kept"), "blob")]

    def test_items_of_a_marked_collection_are_as_unused_as_it_is(self, record: Record) -> None:
        """What only items of a collection that is marked to go refer to counts as what only the collection does."""
        run, fence = begun(record, new_step(0, tasks=1))
        collection = new_version("many", b"", content=blob(b"all", "inline"))
        record.commit([finished(0, blob(b"0"), item=0)], fence=fence)
        record.commit([step_end(outputs=(Output(name="out0", value=collection),)), END], fence=fence)
        record.delete_run(run.seq)

        _marked(record, Pruning(), held=["somebody"])

        assert list(record.references(condemned=False)) == []
        assert (digest_of(b"0"), "blob") in set(record.references())

    def test_what_came_to_be_used_is_not_marked(self, record: Record) -> None:
        """A version that was unused, and is an input, looked up, an origin or aliased by now, is left alone."""
        seqs = _loose(record, 5)
        found = record.prunable(Pruning())
        taken = record.version(seqs[2])
        run, fence = begun(record)
        look = LookedUp(artifact="model", asked="2", version=seqs[1])
        record.commit([finished(0, inputs=(Input(name="x", version=seqs[0]),), looked_up=(look,))], fence=fence)
        _saved(record, new_version("other", b"", origin=taken.id, content=taken.content))
        record.commit([AliasMoved(artifact="model", alias="gold", version=seqs[3], at=at(1))])

        assert record.condemn(seqs, found.since, "all") == (seqs[4],)
        assert record.condemn(seqs, found.since, "all") == ()

    def test_use_takes_the_mark_away(self, record: Record) -> None:
        """A version that is marked, and then taken by a run that held a lease, is as it was before."""
        used, looked, origin, aliased, external, left, newest = _loose(record, 7)
        whole = record.version(used)
        run, fence = begun(record)
        assert len(_marked(record, Pruning(), held=["lease of the run"])) == 7
        assert record.version(used).deleted and record.payload(whole.content.digest) is not None
        assert record.clear(9) == 0

        look = LookedUp(artifact="model", asked="2", version=looked)
        inputs = (Input(name="x", version=used), Input(name="y", version=record.version(external).id))
        record.commit([finished(0, newest, inputs=inputs, looked_up=(look,)), step_end(), END], fence=fence)
        taken = record.version(origin)
        _saved(record, new_version("other", b"", origin=taken.id, content=taken.content, save_type=SaveType.MANUAL))
        record.commit([AliasMoved(artifact="model", alias="gold", version=aliased, at=at(1))])
        record.settle(record.marks(), frozenset())
        _pruned(record)

        assert record.version(used) == whole
        assert not any(record.version(seq).deleted for seq in (used, looked, origin, aliased, external, newest))
        with pytest.raises(NotFound):
            record.version(left)
        assert list(record.check()) == []

    def test_a_tombstone_stays_one_when_it_is_used(self, record: Record) -> None:
        """Taking a mark away from a version whose bytes were deleted before does not bring them back."""
        first, _ = _loose(record, 2)
        _pruned(record, Pruning(part="artifact"))
        _, fence = begun(record)
        _marked(record, Pruning(), held=["somebody"])

        record.commit([finished(0, inputs=(Input(name="x", version=first),))], fence=fence)

        assert record.version(first).deleted
        assert list(record.check()) == []

    def test_a_mark_waits_for_those_who_were_there(self, record: Record) -> None:
        """A mark is ripe once none of the leases that were held when it was made is held; later ones do not count."""
        [seq, _] = _loose(record, 2)
        _marked(record, Pruning(), held=["a", "b"])
        marks = record.marks()
        for held in (["a", "b", "c"], ["b", "c"], ["a", "b", "c"]):
            record.settle(marks, held)
            assert record.clear(9) == 0

        record.settle(marks, ["a", "c"])  # "a" had gone, and comes back as another's: it is not waited for again

        assert record.clear(9) == 2
        record.compact()
        assert record.marks() == ()
        with pytest.raises(NotFound):
            record.version(seq)

    def test_a_mark_that_nobody_asked_about_is_not_ripe(self, record: Record) -> None:
        """What a prune marked after the marks were read waits until the leases are asked for again."""
        found = record.prunable(Pruning(manual=True))
        marks = record.marks()
        seqs = _loose(record, 2)
        record.condemn(seqs, found.since, "all")
        record.condemn_blobs([digest_of(b"blob")])

        record.settle(marks, ())

        assert record.clear(9) == 0 and record.dead() == {digest_of(b"blob"): False}
        record.settle(record.marks(), ())
        assert record.dead() == {digest_of(b"blob"): True} and record.clear(9) == 2

    def test_payloads_are_looked_at_again_before_they_go(self, record: Record) -> None:
        """A payload to which a version or an item refers since it was found unused stays."""
        texts = [b"version", b"item", b"nobody"]
        seqs = _saved(record, *(new_version("m", text, save_type=_ANY) for text in texts))
        _saved(record, new_version("m", b"newest"))
        run, fence = begun(record, new_step(0, tasks=1))
        since = record.prunable(Pruning()).since
        _marked(record, Pruning())
        while record.clear(9):
            pass
        _saved(record, new_version("again", b"version"))
        record.commit([finished(0, inline(b"item"))], fence=fence)

        count, freed = record.drop_payloads([digest_of(text) for text in (*texts, b"newest")], since)

        assert (count, freed) == (2, len(b"nobodynewest")) and len(seqs) == 3
        assert record.payload(digest_of(b"version")) == b"version" and record.payload(digest_of(b"item")) == b"item"
        assert list(record.check()) == []

    def test_a_spared_blob_is_not_buried(self, record: Record) -> None:
        """Only blobs whose mark is there and ripe are deleted, and their marks go with them."""
        going, spared, fresh = (digest_of(name) for name in (b"going", b"spared", b"fresh"))
        record.condemn_blobs([going, spared])
        record.settle(record.marks(), ())
        record.condemn_blobs([fresh, going])
        record.spare(spared)
        record.spare(digest_of(b"never marked"))
        deleted: list[str] = []

        def delete(digests: Sequence[str]) -> int:
            deleted.extend(digests)
            return 7

        assert record.dead() == {going: True, fresh: False}
        assert record.bury([going, spared, fresh], delete) == 7
        assert deleted == [going]
        assert record.dead() == {fresh: False}

    def test_what_cannot_be_deleted_stays_marked(self, record: Record) -> None:
        """An error while blobs are deleted goes to the caller, and their marks stay."""
        digest = digest_of(b"going")
        record.condemn_blobs([digest])
        record.settle(record.marks(), ())

        def refuse(digests: Sequence[str]) -> int:
            raise OSError("no")

        with pytest.raises(OSError, match="no"):
            record.bury([digest], refuse)
        assert record.dead() == {digest: True}

    def test_what_a_run_keeps_is_referred_to(self, record: Record) -> None:
        """Environment, code and the difference that git told of are referred to by their run, until it is deleted."""
        diff = digest_of(b"diff")
        run = done(
            record, environment=digest_of(b"env"), code=digest_of(b"code"), config=f'{{"git":{{"diff":"{diff}"}}}}'
        )

        assert set(record.references()) == {
            (digest_of(b"env"), "blob"), (digest_of(b"code"), "code"), (diff, "blob")
        }  # fmt: skip
        record.delete_run(run.seq)
        assert list(record.references()) == []

    def test_pictures_go_with_their_version(self, record: Record) -> None:
        """What was drawn of a version is referred to while the version is there, and goes when it goes."""
        picture = KeptPicture(kind="html", name="picture", media_type=None, size=3, data=b"<b>")
        gone, kept, _ = _loose(record, 3)
        record.commit([PicturesKept(version=seq, pictures=(picture,)) for seq in (gone, kept)])
        record.commit([AliasMoved(artifact="model", alias="gold", version=kept, at=at(1))])

        _pruned(record)

        assert record.pictures(gone) == () and record.pictures(kept) == (picture,)
        record.commit([AliasMoved(artifact="model", alias="gold", version=None, at=at(2))])
        _pruned(record)
        assert list(record.payloads()) == [] and list(record.check()) == []
