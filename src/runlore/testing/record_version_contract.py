"""The part of the record's contract about versions, metadata, tags, and the cache."""

from __future__ import annotations

import pytest

from runlore.errors import AlreadyExists, NotFound
from runlore.model.artifact import Item, LookedUp, SaveType, Version
from runlore.model.change import (
    Input,
    MetadataSet,
    Output,
    TagsChanged,
    VersionSaved,
)
from runlore.model.digest import digest_of
from runlore.model.metadata import Owner, OwnerKind, Tag
from runlore.model.query import Condition, Operator, Query
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.testing.record_stories import (
    END,
    ask,
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


class RecordVersionContract:
    """What every record keeps of versions and of notes. Give a ``record`` fixture: an empty store."""

    def test_versions_are_numbered_within_their_artifact(self, record: Record) -> None:
        """Automatic versions are 1, 2, … within an artifact without gaps, whatever labels stand between them."""
        new = [
            new_version("model", b"a"),
            new_version("other", b"b"),
            new_version("model", b"c", version="gold"),
            new_version("model", b"d"),
        ]
        receipt = record.commit([VersionSaved(version=version) for version in new])

        assert [receipt.versions[version.id][1] for version in new] == ["1", "1", "gold", "2"]
        seqs = [receipt.versions[version.id][0] for version in new]
        assert seqs == sorted(seqs)
        assert ask(record, "version", ("artifact", "eq", "model")) == [seqs[3], seqs[2], seqs[0]]
        for text, seq in (("1", seqs[0]), ("gold", seqs[2]), ("2", seqs[3])):
            assert ask(record, "version", ("artifact", "eq", "model"), ("version", "eq", text)) == [seq]
        assert ask(record, "version", ("version", "eq", "1")) == [seqs[1], seqs[0]]

    def test_a_number_given_as_label_never_collides(self, record: Record) -> None:
        """A label that is a number is taken like any other, and automatic numbers step over it."""
        receipt = record.commit(
            [VersionSaved(version=new_version(version=label)) for label in (None, "3", "2", None, "007")]
        )

        assert [text for _, text in receipt.versions.values()] == ["1", "3", "2", "4", "007"]
        for label in ("1", "2", "3", "4", "007"):
            with pytest.raises(AlreadyExists):
                record.commit([VersionSaved(version=new_version(version=label))])

    def test_a_version_comes_back_whole(self, record: Record) -> None:
        """A version keeps content, payload, save type, origin, tags and metadata."""
        old = new_version("first", b"bytes")
        new = new_version(
            "model",
            b"bytes",
            save_type=SaveType.EXTERNAL,
            version="gold",
            origin=old.id,
            tags=("b", "a"),
            metadata=(("loss", "0.5"),),
            facts=(("loss", 0.5),),
        )
        receipt = record.commit([VersionSaved(version=old), VersionSaved(version=new)])

        version = record.version(receipt.versions[new.id][0])

        assert (version.id, version.artifact, version.version) == (new.id, "model", "gold")
        assert (version.content, version.save_type, version.origin) == (new.content, "external", old.id)
        assert (version.producer, version.deleted) == (None, False)
        owner = Owner(kind=OwnerKind.VERSION, seq=version.seq)
        assert [tag.name for tag in record.tags(owner)] == ["a", "b"]
        assert [(entry.key, entry.value) for entry in record.metadata(owner)] == [("loss", "0.5")]
        assert record.payload(digest_of(b"bytes")) == b"bytes"
        assert record.payload(digest_of(b"never")) is None
        assert ask(record, "version", ("metadata:loss", "lt", 1)) == [version.seq]

    def test_artifacts_count_their_versions(self, record: Record) -> None:
        """An artifact tells how many versions are recorded, labelled ones included."""
        record.commit([VersionSaved(version=new_version(version=label)) for label in (None, "x", None)])
        (artifact,) = record.select(Query(noun="artifact")).items

        assert (artifact.name, artifact.versions) == ("model", 3)
        assert record.count(Query(noun="version")) == 3
        assert record.count(Query(noun="version", conditions=(Condition("artifact", Operator.EQ, "model"),))) == 3
        assert record.count(Query(noun="version", conditions=(Condition("artifact", Operator.EQ, "none"),))) == 0

    def test_digests_name_everything_outside_the_record(self, record: Record) -> None:
        """Blobs, trees and snapshots of versions, items and runs are listed once; inline values are not."""
        run, fence = begun(record, new_step(0, tasks=1), environment=digest_of(b"env"), code=digest_of(b"code"))
        record.commit([finished(0, blob(b"item"))], fence=fence)
        record.commit(
            [VersionSaved(version=new_version(content=content)) for content in (blob(b"t", "tree"), blob(b"item"))]
        )
        record.commit([VersionSaved(version=new_version())])

        expected = {(digest_of(data), "blob") for data in (b"env", b"item")}
        expected |= {(digest_of(b"t"), "tree"), (digest_of(b"code"), "code")}

        assert sorted(record.digests()) == sorted(expected)

    @pytest.mark.parametrize("form", ["inline", "blob", "tree", "registered"])
    def test_a_content_keeps_its_form(self, record: Record, form: str) -> None:
        """How the bytes of a version are found is told as it was said, and what is no row is told with its digest."""
        content = inline(b"x") if form == "inline" else blob(b"x", form)
        made = new_version(content=content, save_type=SaveType.REGISTERED)
        seq = record.commit([VersionSaved(version=made)]).versions[made.id][0]

        assert (record.version(seq).content.form, record.version(seq).save_type) == (form, "registered")
        assert list(record.digests()) == ([] if form == "inline" else [(digest_of(b"x"), form)])

    # -- metadata and tags ---------------------------------------------------------------------------------------

    def test_metadata_keeps_its_order_and_its_history(self, record: Record) -> None:
        """A later write wins, keys stay in the order of their first write, and every value is kept with its time."""
        run, _ = begun(record)
        owner = Owner(kind=OwnerKind.STEP, seq=run.seq, step=0)
        record.commit([MetadataSet(owner=owner, values=(("b", "1"), ("a", '"\ud800\0"')), at=at(1))])
        record.commit([MetadataSet(owner=owner, values=(("b", str(10**40)),), at=at(2))])

        assert [(entry.key, entry.value) for entry in record.metadata(owner)] == [
            ("b", str(10**40)),
            ("a", '"\ud800\0"'),
        ]
        history = record.metadata_history(owner, "b")
        assert [(entry.value, entry.created) for entry in history] == [("1", at(1)), (str(10**40), at(2))]
        assert record.metadata(Owner(kind=OwnerKind.STEP, seq=run.seq, step=1)) == ()
        assert record.metadata(Owner(kind=OwnerKind.RUN, seq=run.seq)) == ()

    def test_only_the_current_value_is_searched(self, record: Record) -> None:
        """Writing a key again replaces what can be found by it, keys nested below it included."""
        run, _ = begun(record)
        owner = Owner(kind=OwnerKind.RUN, seq=run.seq)
        record.commit(
            [MetadataSet(owner=owner, values=(("m", "{}"),), at=at(1), facts=(("m.x", 1), ("m.y", 2), ("mm", 3)))]
        )
        record.commit([MetadataSet(owner=owner, values=(("m", "5"),), at=at(2), facts=(("m", 5),))])

        assert ask(record, "run", ("metadata:m.x", "eq", 1)) == []
        assert ask(record, "run", ("metadata:m", "eq", 5)) == [run.seq]
        assert ask(record, "run", ("metadata:mm", "eq", 3)) == [run.seq]
        assert ask(record, "run", ("parameter:m", "eq", 5)) == []

    def test_tags_are_added_and_removed_but_system_tags_stay(self, record: Record) -> None:
        """A tag in both lists ends up present; a system tag is never removed by hand."""
        run, _ = begun(record, tags=("x", "y"), system_tags=("python:3.11",))
        owner = Owner(kind=OwnerKind.RUN, seq=run.seq)
        record.commit([TagsChanged(owner=owner, add=("y", "z"), remove=("x", "y", "python:3.11"))])

        assert record.tags(owner) == (Tag(name="python:3.11", system=True), Tag(name="y"), Tag(name="z"))

    def test_a_name_that_nothing_can_have_finds_nothing(self, record: Record) -> None:
        """Text that no name may hold, such as a lone surrogate, finds nothing and is no error."""
        done(record, new_version())

        for odd in ("\ud800", "\x00", ""):
            assert ask(record, "version", ("artifact", "eq", odd)) == []
            assert ask(record, "version", ("artifact", "eq", "model"), ("version", "eq", odd)) == []
            assert ask(record, "run", ("pipeline", "eq", odd)) == []
            query = Query(noun="version", conditions=(Condition("artifact", Operator.EQ, odd),))
            assert record.count(query) == 0
            assert record.aliases(odd) == record.alias_history(odd, odd) == ()

    def test_a_tag_that_runlore_gives_is_no_tag_of_people(self, record: Record) -> None:
        """A tag that a run begins with twice, from runlore and from its caller, is runlore's and stays so."""
        run, _ = begun(record, tags=("user:ann", "x"), system_tags=("user:ann",))
        owner = Owner(kind=OwnerKind.RUN, seq=run.seq)
        record.commit([TagsChanged(owner=owner, add=("user:ann",))])

        assert record.tags(owner) == (Tag(name="user:ann", system=True), Tag(name="x"))

    def test_whatever_carries_notes_has_its_own(self, record: Record) -> None:
        """Pipelines, runs, steps, artifacts and versions with the same number keep tags and metadata apart."""
        run = done(record, new_version())
        owners = [Owner(kind=kind, seq=run.seq) for kind in OwnerKind]
        for owner in owners:
            values = (("who", f'"{owner.kind}"'),)
            record.commit(
                [
                    TagsChanged(owner=owner, add=(f"of {owner.kind}",)),
                    MetadataSet(owner=owner, values=values, at=at(1), facts=(("who", str(owner.kind)),)),
                ]
            )

        for owner in owners:
            assert record.tags(owner) == (Tag(name=f"of {owner.kind}"),)
            assert [entry.value for entry in record.metadata(owner)] == [f'"{owner.kind}"']
        for noun in ("pipeline", "run", "artifact", "version"):
            tags = [f"of {kind}" for kind in OwnerKind]
            assert [tag for tag in tags if ask(record, noun, ("tag", "eq", tag))] == [f"of {noun}"]
        assert ask(record, "version", ("metadata:who", "eq", "version")) == [1]
        assert ask(record, "version", ("metadata:who", "eq", "artifact")) == []

    def test_a_task_tells_where_it_took_its_result_from(self, record: Record) -> None:
        """A task served from the cache keeps the run, step and item that it came from."""
        first = done(record, new_version(), key=b"k")
        run, fence = begun(record)
        record.commit([finished(0, 1, status=Status.CACHED, origin=(first.seq, 0, 0))], fence=fence)

        (task,) = record.tasks(run.seq, 0)

        assert (task.status, task.origin) == ("cached", (first.seq, 0, 0))
        assert record.tasks(first.seq, 0)[0].origin is None

    # -- cache ---------------------------------------------------------------------------------------------------

    def test_the_newest_completed_task_with_a_key_is_found(self, record: Record) -> None:
        """A look-up finds the newest completed task, from runs before the given one, with all its outputs in order."""
        key = b"k" * 32
        first = done(record, new_version("b", b"1"), new_version("a", b"2"), key=key)
        second = done(record, new_version("b", b"3"), key=key)

        hit = record.cached(key)

        assert hit is not None and (hit.run, hit.step, hit.item, hit.ended) == (second.seq, 0, 0, at(2))
        older = record.cached(key, before=second.seq)
        assert older is not None and older.run == first.seq
        names = [(name, value.artifact) for name, value in older.outputs if isinstance(value, Version)]
        assert names == [("out0", "b"), ("out1", "a")]
        assert record.cached(key, before=first.seq) is None and record.cached(b"other") is None

    def test_failed_and_cached_tasks_serve_nobody(self, record: Record) -> None:
        """Only a completed task is found by its key."""
        _, fence = begun(record, new_step(0, "a"), new_step(1, "b"))
        for step, status in enumerate((Status.FAILED, Status.CACHED)):
            record.commit([finished(step, status=status, key=b"k")], fence=fence)

        assert record.cached(b"k") is None

    def test_a_result_serves_while_what_it_looked_up_means_the_same(self, record: Record) -> None:
        """The newest result under a key is found whose look-ups mean now what they meant then."""
        one, two = new_version("base"), new_version("base", b"2")
        seq = record.commit([VersionSaved(version=one)]).versions[one.id][0]
        by_name, by_label = (
            LookedUp(artifact="base", version=seq, code=b"c"),
            LookedUp(artifact="base", asked="1", version=seq),
        )
        pinned = done(record, new_version("p"), key=b"k", looked_up=(by_label,))
        latest = done(record, new_version("l"), key=b"k", looked_up=(by_name, by_label))

        hit = record.cached(b"k")
        assert hit is not None and (hit.run, hit.looked_up) == (latest.seq, (by_name, by_label))
        later = record.commit([VersionSaved(version=two)]).versions[two.id][0]
        hit = record.cached(b"k")
        assert hit is not None and (hit.run, hit.looked_up) == (pinned.seq, (by_label,))
        done(record, new_version("m"), key=b"k", looked_up=(LookedUp(artifact="base", version=later),))
        hit = record.cached(b"k")
        assert hit is not None and hit.looked_up == (LookedUp(artifact="base", version=later),)

    def test_what_looked_something_up_is_not_fetched_ahead(self, record: Record) -> None:
        """Tasks that looked something up by name are found one by one, when what the name means is known."""
        run, fence = begun(record, *(new_step(index, f"s{index}") for index in range(3)))
        asked = (LookedUp(artifact="base"),)
        record.commit(
            [
                finished(0, new_version(), key=b"0"),
                finished(1, new_version(), key=b"1", looked_up=asked),
                finished(2, new_version(), key=b"2"),
                END,
            ],
            fence=fence,
        )
        first = record.cached(b"0")

        assert first is not None
        assert [key for key, _ in record.cached_after(first, 9)] == [b"2"]

    def test_nothing_looked_up_is_nothing_still(self, record: Record) -> None:
        """A look-up that found nothing holds until there is the label, or an artifact whose name begins so."""
        name, label = LookedUp(artifact="base"), LookedUp(artifact="model", asked="gold")
        done(record, new_version("model"), key=b"n", looked_up=(name,))
        done(record, new_version("model", b"2"), key=b"l", looked_up=(label,))

        assert record.cached(b"n") is not None and record.cached(b"l") is not None
        done(record, new_version("base-2030"), new_version("model", b"3", version="gold"))
        assert record.cached(b"n") is None and record.cached(b"l") is None

    def test_look_ups_make_lineage(self, record: Record) -> None:
        """What tasks looked up is told by step and item, each once, and makes them consumers of the version."""
        made = new_version("base")
        seq = record.commit([VersionSaved(version=made)]).versions[made.id][0]
        named, absent = LookedUp(artifact="base", asked="1", version=seq), LookedUp(artifact="none")
        run, fence = begun(record, new_step(0, tasks=2), new_step(1, "b"))
        record.commit(
            [
                finished(0, inline(b"i"), item=0, looked_up=(named, absent)),
                finished(0, inline(b"j"), item=1, looked_up=(named,)),
                finished(1, inputs=(Input(name="x", version=seq),)),
            ],
            fence=fence,
        )

        assert record.looked_up(run.seq, 0) == (named, absent)
        assert record.looked_up(run.seq, 0, 1) == (named,) and record.looked_up(run.seq, 1) == ()
        found = [(edge.step, edge.item, edge.direction, edge.name) for edge in record.consumers(seq)]
        assert found == [
            (0, 0, "looked-up", "artifact:base@1"),
            (0, 1, "looked-up", "artifact:base@1"),
            (1, 0, "input", "x"),
        ]
        with pytest.raises(NotFound):
            record.commit([finished(1, attempt=1, looked_up=(LookedUp(artifact="base", version=99),))], fence=fence)
        record.commit([END], fence=fence)
        record.delete_run(run.seq)
        assert record.consumers(seq) == () and record.looked_up(run.seq, 0) == ()

    def test_only_the_look_ups_of_the_attempt_that_completed_count(self, record: Record) -> None:
        """What a failed attempt looked up does not stand in the way of the result of a later one."""
        absent = LookedUp(artifact="base")
        _, fence = begun(record)
        record.commit([finished(0, status=Status.FAILED, looked_up=(absent,))], fence=fence)
        record.commit([finished(0, new_version(), attempt=1, key=b"k"), step_end(), END], fence=fence)
        done(record, new_version("base"))

        hit = record.cached(b"k")
        assert hit is not None and hit.looked_up == ()

    def test_a_mapped_item_is_found_by_its_key(self, record: Record) -> None:
        """A task of a mapped step is found with its content, before its step has ended as well."""
        _, fence = begun(record, new_step(0, tasks=2))
        record.commit([finished(0, inline(b"i"), blob(b"j"), item=1, key=b"k")], fence=fence)

        hit = record.cached(b"k")

        assert hit is not None and hit.item == 1
        assert hit.outputs == (
            ("out0", Item(index=1, content=inline(b"i"))),
            ("out1", Item(index=1, content=blob(b"j"))),
        )

    def test_what_follows_a_hit_in_its_run_is_found_with_it(self, record: Record) -> None:
        """Completed tasks with keys come in the order of steps and items, with what each gave, up to the limit."""
        run, fence = begun(
            record, new_step(0, "a"), new_step(1, "b"), new_step(2, "c", tasks=2), new_step(3, "d"), new_step(4, "e")
        )
        record.commit(
            [
                finished(0, new_version("a"), key=b"a"),
                finished(1, status=Status.FAILED, key=b"b"),
                finished(2, inline(b"0"), item=0, key=b"c0"),
                finished(2, inline(b"1"), item=1, key=b"c1"),
                step_end(2, outputs=(Output(name="out0", value=new_version("whole")),)),
                finished(3, key=b"d"),
                finished(4, new_version("x", b"x"), new_version("y", b"y"), key=b"e"),
                END,
            ],
            fence=fence,
        )
        done(record, new_version("other"), key=b"f")
        hit = record.cached(b"a")
        assert hit is not None

        following = record.cached_after(hit, 9)

        assert [(key, found.run, found.step, found.item) for key, found in following] == [
            (b"c0", run.seq, 2, 0),
            (b"c1", run.seq, 2, 1),
            (b"d", run.seq, 3, 0),
            (b"e", run.seq, 4, 0),
        ]
        assert all(found == record.cached(key) for key, found in following)
        assert record.cached_after(hit, 2) == following[:2]
        assert record.cached_after(following[0][1], 2) == following[1:3]
        assert record.cached_after(following[3][1], 2) == ()

    def test_keys_of_completed_tasks_are_known(self, record: Record) -> None:
        """Of many keys, exactly those are known that a completed task of any run has."""
        keys = [bytes([number]) * 32 for number in range(250)]
        for key in (keys[0], keys[201]):
            done(record, new_version(), key=key)
        _, fence = begun(record)
        record.commit([finished(status=Status.FAILED, key=keys[1])], fence=fence)

        assert record.known_keys(keys) == {keys[0], keys[201]}
        assert record.known_keys([]) == frozenset()

    def test_the_last_execution_of_a_step_explains(self, record: Record) -> None:
        """The newest run of the pipeline in which the step was computed is found, cached ones passed over."""
        first = done(record)
        done(record, pipeline="other")
        run, fence = begun(record)
        record.commit([step_end(status=Status.CACHED, origin=(first.seq, 0)), END], fence=fence)

        found = record.last_execution("training", "train", before=run.seq + 1)

        assert found is not None
        assert (found[0].seq, found[1].name, found[2].status) == (first.seq, "train", "completed")
        assert record.last_execution("training", "train", before=first.seq) is None
        assert record.last_execution("training", "nothing", before=99) is None
