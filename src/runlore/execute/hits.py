"""Hits: which results of earlier runs can be taken over, asked for as seldom as possible.

A run that repeats an earlier one finds the result of each step in the run where it found the one before. So once that
has happened, what follows there is fetched ahead, more of it each time that it was right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runlore.model.plan import PlannedStep
from runlore.record.port import Hit, Record
from runlore.record.vault import Vault

#: Tasks that are fetched ahead at first, and at most.
FIRST, MOST = 16, 256


def is_whole(hit: Hit, step: PlannedStep, vault: Vault) -> bool:
    """Whether everything that ``step`` gives is there, verified; not so if the hit's run was deleted just now."""
    return len(hit.outputs) == len(step.outputs) and all(vault.present(output.content) for _, output in hit.outputs)


class Hits:
    """Looks for results in runs older than ``before``, or in all."""

    def __init__(
        self, record: Record, holds: Callable[[Hit], bool] = lambda hit: True, *, before: int | None = None
    ) -> None:
        self._record = record
        #: Whether what the record cannot tell is as it was: the code of what a task looked up by name.
        self._holds = holds
        self._before = before
        self._last: Hit | None = None
        self._ahead: dict[bytes, Hit] = {}
        self._window = FIRST // 4
        self._absent: frozenset[bytes] = frozenset()

    def expect(self, keys: Sequence[bytes]) -> None:
        """These keys are asked for next: find out together for which of them there is nothing."""
        self._absent = frozenset(keys) - self._record.known_keys(keys) - self._ahead.keys()

    def find(self, key: bytes) -> Hit | None:
        """A task with this key whose outputs are all recorded, if there is one."""
        found = self._ahead.pop(key, None)
        if found is None and key not in self._absent:
            found = self._record.cached(key, before=self._before)
            while found is not None and not self._holds(found):
                found = self._record.cached(key, before=found.run)
            if found is not None and self._last is not None and found.run == self._last.run:
                self._window = FIRST if self._ahead else min(self._window * 4, MOST)
                self._ahead = dict(self._record.cached_after(found, self._window))
        self._last = found or self._last
        return found
