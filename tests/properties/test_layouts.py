"""Where steps stand in a drawing, for any graph of steps."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.model.run import Step
from runlore.model.status import Status
from runlore.recall.html.layout import layout


@st.composite
def graphs(draw: st.DrawFn) -> list[Step]:
    """Steps that wait for any earlier ones, of a few definitions."""
    steps: list[Step] = []
    for index in range(draw(st.integers(0, 40))):
        upstream = draw(st.sets(st.integers(0, index - 1), max_size=4)) if index else set()
        definition = draw(st.integers(0, 3))
        status = draw(st.sampled_from(list(Status)))
        one = Step(run=1, index=index, name=f"s{index}", definition=definition, status=status, upstream=tuple(upstream))
        steps.append(one)
    return steps


@settings(max_examples=40)
@given(graphs(), st.integers(1, 30))
def test_every_step_has_one_place_or_is_counted(steps: list[Step], most: int) -> None:
    """No step is drawn twice, at most so many places are drawn, and what is left out is counted."""
    found = layout(steps, most)
    drawn = [step.index for place in found.places for step in place.steps]

    assert len(found.places) <= most
    assert len(drawn) == len(set(drawn)) == len(steps) - found.left_out
    if len(steps) <= most:
        assert found.left_out == 0


@settings(max_examples=40)
@given(graphs(), st.integers(1, 30))
def test_lines_lead_down_and_places_stand_apart(steps: list[Step], most: int) -> None:
    """A line leads level by level from a step to one that waits for it; places of a level do not overlap."""
    found = layout(steps, most)

    for line in found.lines:
        levels = [level for _, level in line.points]
        assert levels == sorted(set(levels)) and len(levels) >= 2
        upper, lower = found.places[line.upper], found.places[line.lower]
        waited = {index for step in lower.steps for index in step.upstream}
        assert waited & {step.index for step in upper.steps}
    for level in range(found.levels):
        xs = sorted(place.x for place in found.places if place.level == level)
        assert all(right - left > 0.999 for left, right in zip(xs, xs[1:], strict=False))
        assert all(0.499 < x < found.width - 0.499 for x in xs)


@settings(max_examples=40)
@given(graphs())
def test_all_dependencies_are_drawn(steps: list[Step]) -> None:
    """Where every step has a place of its own, the lines are exactly the dependencies."""
    found = layout(steps, 10_000)
    if any(len(place.steps) > 1 for place in found.places):
        return
    index_of = {number: place.steps[0].index for number, place in enumerate(found.places)}

    drawn = {(index_of[line.upper], index_of[line.lower]) for line in found.lines}
    assert drawn == {(index, step.index) for step in steps for index in step.upstream}


def test_many_alike_become_one_place() -> None:
    """A level of many steps of one definition is one place that says how many, and the worst state of them."""
    first = Step(run=1, index=0, name="load", definition=1, status=Status.COMPLETED)
    others = [
        Step(run=1, index=n, name=f"t_{n}", definition=2, status=Status.COMPLETED, upstream=(0,)) for n in range(1, 400)
    ]
    failed = Step(run=1, index=400, name="t_400", definition=2, status=Status.FAILED, upstream=(0,))
    found = layout([first, *others, failed], 40)

    assert [len(place.steps) for place in found.places] == [1, 400]
    assert found.places[1].status is Status.FAILED
    assert found.places[1].states == ((Status.FAILED, 1), (Status.COMPLETED, 399))
    assert len(found.lines) == 1 and found.left_out == 0
