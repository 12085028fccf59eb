"""Preview: which steps of a plan would be served from the cache if it ran now, and why the others would not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runlore.execute.arguments import Arguments
from runlore.execute.hits import Hits, is_whole
from runlore.execute.outcome import Outcome, Produced
from runlore.execute.stepkey import StepKeys
from runlore.model.artifact import LookedUp, Version
from runlore.model.counted import counted
from runlore.model.plan import Plan, PlannedStep
from runlore.model.status import Status
from runlore.plan.cache_key import DAMAGED
from runlore.record.port import Hit, Record
from runlore.record.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedStep:
    """What would happen to one step."""

    name: str
    #: ``None``: it is not known before the steps that it waits for have run.
    cached: bool | None
    reason: str
    #: Names of the steps that it waits for.
    upstream: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Preview:
    """A plan, and what would happen to each of its steps."""

    pipeline: str
    steps: tuple[PreviewedStep, ...]
    #: False if the body asks for a value by ``load()`` that would have to be computed first.
    complete: bool = True

    def __iter__(self) -> Iterator[PreviewedStep]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, name: str) -> PreviewedStep:
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        width = max((len(step.name) for step in self.steps), default=0)
        words = {True: "cached", False: "runs", None: "unknown"}
        lines = [f"{self.pipeline}: {counted(len(self.steps), 'step')}"]
        for step in self.steps:
            waits = f" (after {', '.join(step.upstream)})" if step.upstream else ""
            lines.append(f"  {step.name:<{width}}  {words[step.cached]:<7}  {step.reason}{waits}")
        if not self.complete:
            lines.append("  … more steps depend on a value that the body loads")
        return "\n".join(lines)


def preview(plan: Plan, keys: StepKeys, record: Record, vault: Vault, *, complete: bool, caching: bool) -> Preview:
    """Look every step up in the cache, as far as its inputs are known, without running or recording anything."""
    return Preview(plan.pipeline, tuple(_walk(plan, keys, record, vault, caching)), complete)


def executing(plan: Plan, keys: StepKeys, record: Record, vault: Vault, *, caching: bool) -> frozenset[int]:
    """Indices of the steps that would not be served from the cache."""
    steps = _walk(plan, keys, record, vault, caching)
    return frozenset(step.index for step, seen in zip(plan.steps, steps, strict=True) if not seen.cached)


def _walk(plan: Plan, keys: StepKeys, record: Record, vault: Vault, caching: bool) -> Iterator[PreviewedStep]:
    outcomes: dict[int, Outcome] = {}
    arguments = Arguments(record, vault, outcomes)
    hits = Hits(record, arguments.same_code)
    ordinals: Counter[bytes] = Counter()
    #: Artifact → the step before that makes a version of it.
    making: dict[str, str] = {}
    for step in plan.steps:
        upstream = tuple(plan.steps[index].name for index in step.upstream())
        waiting = [plan.steps[index].name for index in step.upstream() if index not in outcomes]
        cached: bool | None
        if waiting:
            cached, reason = None, f"depends on what {waiting[0]!r} gives"
        elif step.mapped:
            cached, reason = None, "is decided item by item"
        else:
            hit, reason = _look_up(step, keys, arguments, ordinals, hits, record, vault, caching)
            cached = hit is not None
            open_ = [] if hit is None else [one for one in hit.looked_up if _may_change(one, making)]
            if open_:
                maker = making[open_[0].artifact]
                cached, reason = None, f"looks up {open_[0].name}, of which {maker!r} makes a version"
            elif hit is not None:
                outcomes[step.index] = Outcome(Status.CACHED, _outputs(step, hit))
        for output in step.outputs if not cached else ():
            making[output.artifact] = step.name
        yield PreviewedStep(name=step.name, cached=cached, reason=reason, upstream=upstream)


def _may_change(one: LookedUp, making: Mapping[str, str]) -> bool:
    """Whether what a name means may be another version once the steps before have run."""
    return one.artifact in making and (one.asked is None or one.version is None)


def _look_up(
    step: PlannedStep,
    keys: StepKeys,
    arguments: Arguments,
    ordinals: Counter[bytes],
    hits: Hits,
    record: Record,
    vault: Vault,
    caching: bool,
) -> tuple[Hit | None, str]:
    try:
        resolved = {name: arguments.resolve(name, argument) for name, argument in step.arguments.items()}
    except KeyError:
        return None, "takes a value from outside"
    key, reason = keys.key(step, {name: one.identity for name, one in resolved.items()})
    if key is None or not caching:
        return None, reason or "caching is off"
    ordinal = ordinals[key]
    ordinals[key] += 1
    hit = hits.find(keys.numbered(key, ordinal))
    if hit is None:
        return None, "no earlier result with this code, these parameters and inputs"
    if not is_whole(hit, step, vault):
        return None, DAMAGED
    return hit, f"as in run {record.run(hit.run).name}"


def _outputs(step: PlannedStep, hit: Hit) -> dict[str, Produced]:
    found = {}
    for planned, (_, version) in zip(step.outputs, hit.outputs, strict=True):
        assert isinstance(version, Version)
        found[planned.name] = Produced(version.content, version.seq)
    return found
