"""The part of the record's contract about aliases, and about which versions are in use."""

from __future__ import annotations

import pytest

from runlore.errors import AlreadyExists, NameInvalid, NotFound, QueryInvalid
from runlore.model.artifact import Alias, LookedUp
from runlore.model.change import AliasMoved, Input, NewVersion, VersionSaved
from runlore.model.query import Query
from runlore.record.port import Record
from runlore.testing.record_stories import ask, at, begun, done, finished, new_version, step_end


def saved(record: Record, *versions: NewVersion) -> list[int]:
    """Sequences of versions saved by hand."""
    receipt = record.commit([VersionSaved(version=version) for version in versions])
    return [receipt.versions[version.id][0] for version in versions]


def moved(version: int | None, alias: str = "production", seconds: float = 0, artifact: str = "model") -> AliasMoved:
    """A move of an alias."""
    return AliasMoved(artifact=artifact, alias=alias, version=version, at=at(seconds))


class RecordAliasContract:
    """What every record promises of aliases. Give a ``record`` fixture: an empty store."""

    def test_exactly_one_version_holds_an_alias(self, record: Record) -> None:
        """An alias names one version of its artifact; moving it takes it from the one before."""
        one, two, other = saved(record, new_version(), new_version(data=b"2"), new_version("data"))
        record.commit([moved(one, seconds=1), moved(one, "best", 1), moved(other, seconds=2, artifact="data")])

        assert record.aliased("model", "production").seq == one and record.aliased("data", "production").seq == other
        assert [alias.name for alias in record.aliases("model")] == ["best", "production"]

        record.commit([moved(two, seconds=3)])

        assert record.aliased("model", "production").seq == two
        assert record.aliases_of(two) == (Alias(artifact="model", name="production", version=two, at=at(3)),)
        assert [alias.name for alias in record.aliases_of(one)] == ["best"]
        assert record.aliased("data", "production").seq == other

    def test_every_move_is_kept(self, record: Record) -> None:
        """An alias's history tells each move and its time, its removal included, but no move that moved nothing."""
        one, two = saved(record, new_version(), new_version(data=b"2"))
        for number, version in enumerate((one, one, two, None, None, one)):
            record.commit([moved(version, seconds=number)])

        history = record.alias_history("model", "production")

        assert [(move.version, move.at) for move in history] == [
            (one, at(0)),
            (two, at(2)),
            (None, at(3)),
            (one, at(5)),
        ]
        assert record.alias_history("model", "other") == record.alias_history("none", "production") == ()

    def test_an_alias_that_nobody_holds_is_not_found(self, record: Record) -> None:
        """Asking for an absent alias raises `NotFound` and says which there are."""
        (one,) = saved(record, new_version())
        record.commit([moved(one)])

        with pytest.raises(NotFound, match="production"):
            record.aliased("model", "productoin")
        record.commit([moved(None)])
        with pytest.raises(NotFound):
            record.aliased("model", "production")
        assert record.aliases("model") == record.aliases_of(one) == ()

    def test_an_alias_can_name_a_version_of_the_same_commit(self, record: Record) -> None:
        """A run promotes what it makes in the commit that makes it, or not at all."""
        _, fence = begun(record)
        new = new_version()
        promoted = AliasMoved(artifact="model", alias="production", version=new.id, at=at(2))
        receipt = record.commit([finished(0, new), step_end(), promoted], fence=fence)

        assert record.aliased("model", "production").seq == receipt.versions[new.id][0]

    def test_an_alias_stays_within_its_artifact(self, record: Record) -> None:
        """A version of another artifact, or none at all, cannot hold it, and nothing is changed."""
        one, other = saved(record, new_version(), new_version("data"))
        record.commit([moved(one)])

        for change in (moved(other), moved(99), moved(one, artifact="none"), moved(None, artifact="none")):
            with pytest.raises(NotFound):
                record.commit([moved(None), change])

        assert record.aliased("model", "production").seq == one
        assert len(record.alias_history("model", "production")) == 1

    def test_an_alias_is_no_number_and_no_label(self, record: Record) -> None:
        """What already means a version of the artifact cannot be its alias, nor the other way round."""
        one, _ = saved(record, new_version(), new_version(data=b"2", version="gold"))
        for alias in ("7", "latest", "", "a\0b"):
            with pytest.raises(NameInvalid):
                record.commit([moved(one, alias)])
        with pytest.raises(AlreadyExists, match="gold"):
            record.commit([moved(one, "gold")])
        record.commit([moved(one, "silver")])
        with pytest.raises(AlreadyExists, match="silver"):
            saved(record, new_version(data=b"3", version="silver"))

        saved(record, new_version("data", version="silver"))

        assert [alias.name for alias in record.aliases("model")] == ["silver"]

    def test_a_result_serves_while_an_alias_means_the_same(self, record: Record) -> None:
        """What a task looked up by alias must be held by the same version now, and what it did not find by none."""
        one, two = saved(record, new_version(), new_version(data=b"2"))
        record.commit([moved(one)])
        found = LookedUp(artifact="model", asked="production", version=one)
        absent = LookedUp(artifact="model", asked="best")
        done(record, new_version("a"), key=b"found", looked_up=(found,))
        done(record, new_version("b"), key=b"absent", looked_up=(absent,))

        assert record.cached(b"found") is not None and record.cached(b"absent") is not None
        record.commit([moved(two), moved(one, "best")])
        assert record.cached(b"found") is None and record.cached(b"absent") is None
        record.commit([moved(one), moved(None, "best")])
        assert record.cached(b"found") is not None and record.cached(b"absent") is not None
        record.commit([moved(None)])
        assert record.cached(b"found") is None

    def test_versions_are_found_by_alias(self, record: Record) -> None:
        """A list of versions takes an alias as a condition, of one artifact or of all."""
        one, two, other = saved(record, new_version(), new_version(data=b"2"), new_version("data"))
        record.commit(
            [moved(one), moved(two, "best"), moved(other, artifact="data"), moved(other, "x", artifact="data")]
        )

        assert ask(record, "version", ("alias", "eq", "production")) == [other, one]
        assert ask(record, "version", ("alias", "eq", "production"), ("artifact", "eq", "model")) == [one]
        assert ask(record, "version", ("alias", "in", ("best", "x"))) == [other, two]
        assert ask(record, "version", ("alias", "ne", "production")) == [two]
        assert ask(record, "version", ("alias", "null", True)) == []
        assert ask(record, "version", ("alias", "startswith", "prod"), ("alias", "eq", "x")) == [other]
        with pytest.raises(QueryInvalid):
            record.select(Query(noun="version", order="alias"))

    def test_versions_are_in_use_while_something_refers_to_them(self, record: Record) -> None:
        """An alias, a run that made or read it, and a version that took its bytes over keep a version in use."""
        held, read, source, idle = saved(record, *(new_version(data=bytes([number])) for number in range(4)))
        (copy,) = saved(record, new_version("copy", origin=record.version(source).id))
        record.commit([moved(held)])
        made = new_version("made")
        run = done(record, made)
        _, fence = begun(record)
        record.commit([finished(0, inputs=(Input(name="x", version=read),))], fence=fence)

        assert list(record.unused()) == [idle, copy]

        record.commit([moved(None)])
        record.delete_run(run.seq)

        assert list(record.unused()) == [held, idle, copy, copy + 1]
