"""Reuse: which task may take an earlier result over, and whether its own may serve others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from runlore.execute.arguments import Arguments, Resolved
from runlore.execute.attempt import Attempt
from runlore.execute.hits import Hits, is_whole
from runlore.execute.ledger import Ledger
from runlore.execute.services import Services
from runlore.execute.stepkey import StepKeys
from runlore.model.plan import PlannedStep
from runlore.plan.cache_key import DAMAGED, NO_RESULT
from runlore.record.port import Hit


class Reuse:
    """The cache as the tasks of one run see it. ``outside`` are steps that take a value from outside."""

    def __init__(
        self,
        services: Services,
        keys: StepKeys,
        arguments: Arguments,
        ledger: Ledger,
        outside: set[int],
        *,
        before: int,
    ) -> None:
        self._services = services
        self._keys = keys
        self._arguments = arguments
        self._ledger = ledger
        self._outside = outside
        self._hits = Hits(services.record, arguments.same_code, before=before)
        self._ordinals: Counter[bytes] = Counter()

    def key(self, step: PlannedStep, resolved: Mapping[str, Resolved]) -> tuple[bytes | None, str | None]:
        """The cache key of a task, or why it has none."""
        if step.index in self._outside:
            return None, "it takes a value from outside"
        key, reason = self._keys.key(step, {name: one.identity for name, one in resolved.items()})
        if key is None:
            return None, reason
        ordinal = self._ordinals[key]
        self._ordinals[key] += 1
        return self._keys.numbered(key, ordinal), None

    def expect(self, keys: Sequence[bytes]) -> None:
        """These keys are asked for next."""
        if self._services.caching:
            self._hits.expect(keys)

    def judged(self, attempt: Attempt, key: bytes | None, note: str | None) -> tuple[bytes | None, str | None]:
        """The key under which the result of an attempt may serve others, given what it read, or why it may not."""
        attempt.looked_up, unknown = self._arguments.looked_up(attempt.reads)
        reason = attempt.reads.reason or unknown
        return (key, note) if reason is None else (None, reason)

    def find(self, step: PlannedStep, key: bytes | None) -> tuple[Hit | None, str | None]:
        """An earlier result with this key that is whole, or why there is none."""
        if key is None or not self._services.caching:
            return None, None if key is None else "caching is off"
        hit = self._hits.find(key)
        if hit is not None and hit.looked_up and self._ledger.makes_versions:
            self._ledger.flush()  # what earlier steps of this run made may be what was looked up by name
            hit = self._hits.find(key)
        if hit is None:
            return None, NO_RESULT
        return (hit, None) if is_whole(hit, step, self._services.vault) else (None, DAMAGED)
