"""What can be known to be wrong with a plan before any of its steps runs."""

from __future__ import annotations

from collections.abc import Collection

from runlore.errors import AlreadyExists, DefinitionError
from runlore.model.plan import Plan
from runlore.plan.arguments import Lookup


def validate(
    plan: Plan, *, lookup: Lookup | None = None, executing: Collection[int] | None = None, first: int = 0
) -> None:
    """Raise for what is wrong with ``plan`` as a whole; single calls were checked when they were traced.

    ``lookup`` finds recorded versions; with it, custom versions of the steps in ``executing`` (all, if not given) must
    be free. Steps before ``first`` were validated earlier.

    Raises:
        DefinitionError: no steps, a doubled id, a step that waits for itself or a later one, or two outputs that would
            make the same version.
        AlreadyExists: a custom version is taken.
    """
    if not plan.steps:
        raise DefinitionError(f"Pipeline {plan.pipeline!r} has no steps.")
    _check_order(plan)
    _check_versions(plan, lookup, executing, first)


def _check_order(plan: Plan) -> None:
    names: set[str] = set()
    for position, step in enumerate(plan.steps):
        if step.name in names:
            raise DefinitionError(f"Pipeline {plan.pipeline!r} has two steps with the id {step.name!r}.")
        names.add(step.name)
        upstream = step.upstream()
        if step.index != position or (upstream and upstream[-1] >= position):
            raise DefinitionError(
                f"Pipeline {plan.pipeline!r} has a cycle: step {step.name!r} waits for itself or for a later step."
            )


def _check_versions(plan: Plan, lookup: Lookup | None, executing: Collection[int] | None, first: int) -> None:
    made: dict[tuple[str, str], str] = {}
    for step in plan.steps:
        for output in step.outputs:
            if output.version is None:
                continue
            key = (output.artifact, output.version)
            if key in made:
                raise DefinitionError(
                    f"Steps {made[key]!r} and {step.name!r} would both make version {output.version!r} of artifact "
                    f"{output.artifact!r}. Give one of them another version or name."
                )
            made[key] = step.name
            if step.index < first or lookup is None or (executing is not None and step.index not in executing):
                continue
            if lookup(*key) is not None:
                raise AlreadyExists(
                    f"Artifact {output.artifact!r} has a version {output.version!r} already, which step {step.name!r} "
                    f"would make. Choose another version, or leave it out to have one numbered."
                )
