"""Outputs come from the return annotation alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Optional

import pytest

from runlore.author.artifact_config import ArtifactConfig
from runlore.author.signature import declared_outputs
from runlore.author.step import step
from runlore.errors import DefinitionError, NameInvalid

if TYPE_CHECKING:
    import nowhere
    from nowhere import Model


def names(annotation: Any) -> list[str]:
    return [output.name for output in declared_outputs(annotation, "Step 's'")]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Any, ["output"]),
        (int, ["output"]),
        (None, []),
        (NoReturn, []),
        (Optional[int], ["output"]),
        (tuple, ["output"]),
        (tuple[int, str], ["output_0", "output_1"]),
        (Annotated[int, "n"], ["n"]),
        (tuple[Annotated[int, "a"], str], ["a", "output_1"]),
        (Annotated[tuple[int, str], "pair"], ["pair"]),
        (Annotated[tuple[int, ...], "many"], ["many"]),
        (Annotated[int, ArtifactConfig(name="c", version=3)], ["c"]),
        (Annotated[int, ArtifactConfig(version=3)], ["output"]),
        (Annotated[int, 42], ["output"]),
        (list[tuple[int, ...]], ["output"]),
    ],
)
def test_names_and_count_follow_the_annotation(annotation: Any, expected: list[str]) -> None:
    """Each form of return annotation tells how many outputs there are and what they are called."""
    assert names(annotation) == expected


def test_variable_length_tuple_is_refused_at_decoration() -> None:
    """A tuple of unknown length cannot be told apart into outputs."""
    with pytest.raises(DefinitionError, match="variable length"):

        @step
        def several() -> tuple[int, ...]:
            return (1,)


def test_output_name_twice_is_refused_at_decoration() -> None:
    """Two outputs of one name cannot both be found again."""
    with pytest.raises(DefinitionError, match="two outputs named 'a'"):

        @step
        def several() -> tuple[Annotated[int, "a"], Annotated[int, "a"]]:
            return 1, 2


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "x" * 256])
def test_output_names_obey_the_rules_of_names(name: str) -> None:
    """Empty, overlong, slashed and control-character names are refused."""
    with pytest.raises(NameInvalid):
        declared_outputs(Annotated[int, name], "Step 's'")


def test_local_classes_resolve() -> None:
    """An annotation may name a class of the enclosing function."""

    class Local:
        pass

    @step
    def make(x: Local) -> Annotated[Local, "thing"]:
        return x

    assert make.signature.parameters[0].annotation is Local
    assert make.signature.outputs[0].annotation is Local
    assert not make.signature.unresolved


def test_names_assigned_after_decoration_resolve_at_the_first_plan() -> None:
    """What is unknown at decoration is looked for again when a plan needs it."""

    @step
    def make() -> Annotated[Later, "thing"]:
        return Later()

    assert make.signature.outputs[0].annotation is Any

    class Later:
        pass

    make.signature.complete()

    assert make.signature.outputs[0].annotation is Later


def test_names_of_type_checkers_keep_arity_and_names() -> None:
    """A name imported for type checkers only leaves the outputs known and their types open."""

    @step
    def fit(data: nowhere.Frame, k: list[Model]) -> tuple[Annotated[Model, "model"], nowhere.deep.Score, list[Model]]:
        return data, 1, []

    fit.signature.complete()

    assert [out.name for out in fit.signature.outputs] == ["model", "output_1", "output_2"]
    assert [out.annotation for out in fit.signature.outputs] == [Any, Any, list[Any]]
    assert [parameter.annotation for parameter in fit.signature.parameters] == [Any, list[Any]]


def test_forward_references_inside_annotations_resolve() -> None:
    """Quoted parts of an annotation are evaluated too."""

    @step
    def make() -> "Optional['int']":
        return 1

    assert make.signature.outputs[0].annotation == Optional[int]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement came with Python 3.12")
def test_type_aliases_are_looked_through() -> None:
    """`type Pair = tuple[int, str]` is two outputs like the tuple that it stands for."""
    names: dict[str, Any] = {"step": step}
    exec("type Pair = tuple[int, str]\n@step\ndef two() -> Pair:\n    return 1, 'a'\n", names)

    assert [out.annotation for out in names["two"].signature.outputs] == [int, str]


@pytest.mark.parametrize(
    ("annotation", "several"),
    [("tuple[int]", True), ("tuple[int, str]", True), ("tuple", False), ("Annotated[tuple[int], 'p']", False)],
)
def test_a_tuple_of_one_is_still_a_tuple(annotation: str, several: bool) -> None:
    """Whether the returned tuple is taken apart follows from the annotation, not from how many outputs there are."""

    def function() -> Any: ...

    function.__annotations__["return"] = annotation

    assert step(function).signature.several is several
