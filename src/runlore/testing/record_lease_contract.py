"""The part of the record's contract about who owns a run."""

from __future__ import annotations

import pytest

from runlore.errors import LeaseLost, NotFound
from runlore.model.change import StepStarted
from runlore.model.query import Query
from runlore.platform import ProcessIdentity
from runlore.record.port import Record
from runlore.testing.record_stories import END, at, begun, done, finished, new_version, step_end

OTHER = ProcessIdentity(host="other", boot="b2", namespace="", pid=77, born=88)


class RecordLeaseContract:
    """What every record promises to owners. Give a ``record`` fixture: an empty store."""

    def test_an_owner_renews_its_lease(self, record: Record) -> None:
        """A renewal tells when the owner was last alive; one whose fence no longer holds is refused."""
        _, fence = begun(record)
        assert record.leases()[0].beat is None

        record.renew(fence, at(5))

        assert record.leases()[0].beat == at(5)
        record.commit([END], fence=fence)
        with pytest.raises(LeaseLost):
            record.renew(fence, at(6))

    def test_taking_over_raises_the_token_and_shuts_the_old_owner_out(self, record: Record) -> None:
        """After a take-over the new owner's fence holds, and the old one writes and renews nothing more."""
        run, old = begun(record)
        record.commit([StepStarted(index=0, at=at(1))], fence=old)

        new = record.take_over(run.seq, OTHER, at(4))

        assert new.run == run.seq and new.token > old.token
        (lease,) = record.leases()
        assert (lease.run_id, lease.token, lease.beat) == (run.id, new.token, at(4))
        assert (lease.host, lease.boot, lease.pid, lease.born) == ("other", "b2", 77, 88)
        with pytest.raises(LeaseLost):
            record.commit([finished(0, new_version()), step_end(), END], fence=old)
        with pytest.raises(LeaseLost):
            record.renew(old, at(5))
        assert record.count(Query(noun="version")) == 0 and record.run(run.seq).status == "running"
        record.commit([finished(0, new_version()), step_end(), END], fence=new)
        assert record.run(run.seq).status == "completed" and record.leases() == ()

    def test_a_lease_seen_before_a_take_over_interrupts_nothing(self, record: Record) -> None:
        """Whoever found the old owner dead cannot end the run that another process took over meanwhile."""
        run, _ = begun(record)
        (seen,) = record.leases()
        record.take_over(run.seq, OTHER, at(4))

        assert record.interrupt(seen, at(5)) is False
        assert record.run(run.seq).status == "running"

    def test_only_a_running_run_is_taken_over(self, record: Record) -> None:
        """A run that has ended stays as it is, and an unknown one is not found."""
        run = done(record)

        with pytest.raises(LeaseLost, match="completed"):
            record.take_over(run.seq, OTHER, at(9))
        with pytest.raises(NotFound):
            record.take_over(404, OTHER, at(9))
