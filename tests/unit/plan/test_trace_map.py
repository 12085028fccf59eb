"""What a map walks, what it hands to every task, and which lengths must agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest

from runlore.author.artifact_config import ExternalArtifact
from runlore.author.handle import MappedHandle, mapped, unmapped
from runlore.author.pipeline import pipeline
from runlore.author.step import step
from runlore.errors import DefinitionError, ParameterError, TypeMismatch
from runlore.model.plan import External, FromStep, Literal, Mapped, PlannedStep
from runlore.plan.trace import Trace


@step
def frame() -> dict[str, int]:
    return {}


@step
def numbers() -> list[int]:
    return [1, 2]


@step
def fit(data: Any, lr: float = 0.5) -> Annotated[int, "model"]:
    return 1


@step
def both(a: int, b: int) -> tuple[int, str]:
    return a, str(b)


@step
def gather(models: list[int]) -> int:
    return sum(models)


@step
def note(x: Any) -> None: ...


def steps(body: Callable[[], Any]) -> list[PlannedStep]:
    trace = Trace(pipeline(body), {}, started=datetime(2026, 1, 1, tzinfo=UTC))
    trace.run_body()
    return trace.steps


def literals(*values: float) -> Mapped:
    return Mapped(tuple(Literal(value, repr(value)) for value in values))


def test_lists_are_walked_and_single_values_go_to_all() -> None:
    """A literal list gives one task per item; an output that is no sequence and a default are shared."""
    planned = steps(lambda: fit.map(frame(), lr=[0.1, 0.2]))[1]

    assert planned.mapped
    assert planned.arguments == {"data": FromStep(0, "output"), "lr": literals(0.1, 0.2)}


@pytest.mark.parametrize("items", [[1, 2], (1, 2), range(1, 3)])
def test_lists_tuples_and_ranges_are_walked(items: Sequence[int]) -> None:
    """The three literal kinds of sequence are walked; a default is not."""
    arguments = steps(lambda: fit.map(items))[0].arguments

    assert arguments == {"data": literals(1, 2), "lr": Literal(0.5, "0.5")}


@pytest.mark.parametrize("value", ["text", {"a": 1}, {1, 2}, b"ab"])
def test_other_literals_are_shared(value: Any) -> None:
    """Text, bytes, sets and dicts go to every task whole."""
    argument = steps(lambda: fit.map(value, lr=[0.1]))[0].arguments["data"]

    assert isinstance(argument, Literal) and argument.value == value


def test_outputs_annotated_as_sequences_and_mapped_outputs_are_walked() -> None:
    """A list output gives one task per item, and so does the collection of a map before."""

    def body() -> None:
        models = fit.map(numbers())
        note.map(models)

    planned = steps(body)

    assert planned[1].arguments["data"] == Mapped(FromStep(0, "output"))
    assert planned[2].arguments["x"] == Mapped(FromStep(1, "model"))


def test_unmapped_and_mapped_say_otherwise() -> None:
    """`unmapped` shares a sequence; `mapped` walks an output whose annotation does not tell."""

    def body() -> None:
        fit.map(unmapped([1, 2]), lr=[0.1])
        note.map(mapped(fit(1)))
        fit.map(unmapped(numbers()), lr=[0.1])

    planned = steps(body)

    assert planned[0].arguments["data"] == Literal([1, 2], "[1,2]")
    assert planned[2].arguments["x"] == Mapped(FromStep(1, "model"))
    assert planned[4].arguments["data"] == FromStep(3, "output")


def test_a_plain_call_takes_the_whole_collection() -> None:
    """A mapped output passed to a plain call is the list of its items; one item is picked by index."""

    def body() -> None:
        models = fit.map([1, 2])
        gather(models)
        note(models[1])
        gather([models[0], models[1]])

    planned = steps(body)

    assert planned[1].arguments["models"] == FromStep(0, "model")
    assert planned[2].arguments["x"] == FromStep(0, "model", 1)
    assert planned[3].upstream() == (0,)


def test_lists_of_outputs_are_walked() -> None:
    """A list of handles gives one task per handle."""
    planned = steps(lambda: note.map([frame(), numbers()]))

    assert planned[2].arguments["x"] == Mapped((FromStep(0, "output"), FromStep(1, "output")))


def test_what_a_map_returns() -> None:
    """One collection handle per output, of known length where that is known."""
    seen: list[Any] = []

    def body() -> None:
        seen.extend([fit.map([1, 2]), both.map([1, 2, 3], 4), note.map([1]), fit.map(numbers())])
        seen.append(fit.map(seen[0]))

    steps(body)

    assert isinstance(seen[0], MappedHandle) and len(seen[0]) == 2
    assert [len(handle) for handle in seen[1]] == [3, 3]
    assert seen[2] is None
    assert seen[3].length is None
    assert len(seen[4]) == 2


def test_lengths_must_agree_where_known() -> None:
    """Different lengths are found before any work, whether of lists or of mapped outputs."""
    with pytest.raises(DefinitionError, match="'a' has 2, 'b' has 3"):
        steps(lambda: both.map([1, 2], [1, 2, 3]))
    with pytest.raises(DefinitionError, match="lengths differ"):
        steps(lambda: both.map(fit.map([1, 2]), [1, 2, 3]))


def test_a_map_needs_something_to_walk() -> None:
    """A map over single values only says what to do."""
    with pytest.raises(DefinitionError, match=r"nothing to walk.*mapped\("):
        steps(lambda: fit.map(frame()))


def test_an_empty_list_is_no_task() -> None:
    """Mapping over nothing is allowed and has length zero."""
    seen: list[Any] = []

    assert steps(lambda: seen.append(fit.map([])))[0].arguments["data"] == Mapped(())
    assert len(seen[0]) == 0


def test_items_are_checked() -> None:
    """Every literal item and the items of a collection obey the annotation, and must be recordable."""
    with pytest.raises(TypeMismatch, match="'a'"):
        steps(lambda: both.map([1, "2"], 1))
    with pytest.raises(TypeMismatch, match="'models'"):
        steps(lambda: gather.map(fit.map([1])))
    with pytest.raises(ParameterError, match="'x'"):
        steps(lambda: note.map([1, object()]))


def test_external_values_are_walked_only_when_asked() -> None:
    """A value from outside is shared; `mapped` walks it, and its length counts."""
    data = ExternalArtifact(value=[1, 2])
    planned = steps(lambda: (fit.map(data, lr=[0.1]), note.map(mapped(data))))

    assert planned[0].arguments["data"] == External([1, 2])
    assert planned[1].arguments["x"] == Mapped(External([1, 2]))
    with pytest.raises(DefinitionError, match="lengths differ"):
        steps(lambda: both.map(mapped(data), [1, 2, 3]))


def test_id_and_after_name_and_order_a_map() -> None:
    """A mapped step takes `id=` and `after=` like a plain call."""
    planned = steps(lambda: (frame(), fit.map([1], id="many", after="frame")))

    assert (planned[1].name, planned[1].after) == ("many", (0,))
