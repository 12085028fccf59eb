"""The ledger between two threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from runlore.execute.ledger import Ledger
from runlore.model.change import Change, Receipt, RunFinished
from runlore.model.run import Fence
from runlore.model.status import Status

END = RunFinished(status=Status.COMPLETED, ended=datetime(2030, 1, 1, tzinfo=UTC))


class Busy:
    """A record during whose first commit another thread has something to note."""

    def __init__(self) -> None:
        self.committed: list[Change] = []
        self.meanwhile: threading.Thread | None = None

    def commit(self, changes: Sequence[Change], *, fence: Fence, durable: bool) -> Receipt:
        self.committed.extend(changes)
        if self.meanwhile is not None:
            thread, self.meanwhile = self.meanwhile, None
            thread.start()
            thread.join(0.2)  # it may have to wait for this commit, and then goes on after it
        return Receipt()


def test_what_is_noted_during_a_commit_is_not_lost() -> None:
    """A change that one thread notes while another commits is written with the next commit."""
    record: Any = Busy()
    ledger = Ledger(record, Fence(run=1, token=1), lambda event: None)
    record.meanwhile = noting = threading.Thread(target=lambda: ledger.note(END))
    ledger.note(RunFinished(status=Status.FAILED, ended=END.ended))

    ledger.flush()
    noting.join()
    ledger.flush()

    assert [change.status for change in record.committed] == ["failed", "completed"]
