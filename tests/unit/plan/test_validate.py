"""What is wrong with a plan as a whole is found before its first step runs."""

from __future__ import annotations

from typing import Any

import pytest

from runlore.errors import AlreadyExists, DefinitionError
from runlore.model.plan import FromStep, Plan, PlannedOutput, PlannedStep
from runlore.plan.validate import validate


def planned(index: int, name: str, *, version: str | None = None, source: int | None = None) -> PlannedStep:
    return PlannedStep(
        index=index,
        name=name,
        step=None,
        arguments={} if source is None else {"x": FromStep(source, "output")},
        outputs=(PlannedOutput(name="output", artifact="a", version=version),),
    )


def plan(*steps: PlannedStep) -> Plan:
    return Plan(pipeline="p", steps=steps)


def taken(artifact: str, version: str | None) -> Any:
    return object() if (artifact, version) == ("a", "taken") else None


def test_a_sound_plan_passes() -> None:
    """Nothing is raised for steps in order with free versions."""
    validate(plan(planned(0, "a", version="free"), planned(1, "b", source=0)), lookup=taken)


@pytest.mark.parametrize("source", [1, 2])
def test_cycles_are_refused(source: int) -> None:
    """A step that waits for itself or for a later one would never start."""
    with pytest.raises(DefinitionError, match="cycle: step 'b'"):
        validate(plan(planned(0, "a"), planned(1, "b", source=source), planned(2, "c")))


def test_doubled_ids_and_empty_plans_are_refused() -> None:
    """Every step has an id of its own, and there is at least one."""
    with pytest.raises(DefinitionError, match="two steps with the id 'a'"):
        validate(plan(planned(0, "a"), planned(1, "a")))
    with pytest.raises(DefinitionError, match="no steps"):
        validate(plan())


def test_taken_versions_are_found() -> None:
    """A version on record may not be made again, unless its step will not execute or was checked before."""
    wanted = plan(planned(0, "a", version="taken"), planned(1, "b"))
    with pytest.raises(AlreadyExists, match="'a' has a version 'taken' already, which step 'a'"):
        validate(wanted, lookup=taken)
    validate(wanted, lookup=taken, executing={1})
    validate(wanted, lookup=taken, first=1)
    validate(wanted)


def test_two_steps_may_not_make_one_version() -> None:
    """Within a plan, a version label of an artifact is made once."""
    with pytest.raises(DefinitionError, match="'a' and 'b' would both make version 'v'"):
        validate(plan(planned(0, "a", version="v"), planned(1, "b", version="v")))
