"""Tracing a body gives a plan in the order written, with everything checked that can be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pytest

from runlore.author import current
from runlore.author.artifact_config import ArtifactConfig, ExternalArtifact
from runlore.author.file import File
from runlore.author.pipeline import Pipeline, pipeline
from runlore.author.secret import Secret
from runlore.author.step import step
from runlore.errors import DefinitionError, NameInvalid, NotFound, ParameterError, TypeMismatch
from runlore.model.artifact import Content, SaveType, Version
from runlore.model.plan import External, FromRecord, FromStep, Gathered, Literal
from runlore.plan.trace import Trace
from runlore.values.codec import encode

STARTED = datetime(2026, 11, 22, 3, 55, 11, 971730, tzinfo=UTC)


def traced(flow: Pipeline, arguments: Mapping[str, Any] | None = None, **options: Any) -> Trace:
    trace = Trace(flow, arguments or {}, started=STARTED, **options)
    trace.run_body()
    return trace


def body(function: Callable[..., Any], **options: Any) -> Trace:
    plain = function if not isinstance(function, partial) else lambda: function()
    return traced(pipeline(plain), **options)


@step
def make(x: Any = 1) -> int:
    return 1


@step
def named() -> Annotated[int, "number"]:
    return 1


@step
def text() -> str:
    return ""


@step
def pair() -> tuple[Annotated[int, "left"], str]:
    return 1, ""


@step
def quiet(x: Any = None) -> None: ...


def passed_on(value: Any) -> None:
    quiet(value)


@step
def use(value: int, other: str = "o") -> float:
    return 1.0


def test_order_ids_and_artifact_names() -> None:
    """Steps stand in the order written; a repeated one is numbered; default artifact names hold pipeline and step."""

    def flow() -> None:
        make()
        named()
        make()
        make.with_options(name="zed")()

    steps = body(flow).steps

    assert [s.name for s in steps] == ["make", "named", "make_2", "zed"]
    assert [s.index for s in steps] == [0, 1, 2, 3]
    assert [s.outputs[0].artifact for s in steps] == [
        "flow::make::output",
        "number",
        "flow::make_2::output",
        "flow::zed::output",
    ]


def test_what_a_call_returns() -> None:
    """One output is a handle, several are a tuple, none is None."""
    seen: list[Any] = []

    def flow() -> None:
        seen.extend([make(), pair(), quiet()])

    body(flow)

    assert seen[0].output == "output"
    assert [handle.output for handle in seen[1]] == ["left", "output_1"]
    assert seen[2] is None


def test_arguments_are_recorded_in_declared_order_with_defaults() -> None:
    """Handles become edges, values become typed text, defaults are filled in."""

    def flow() -> None:
        use(other="p", value=make())

    arguments = body(flow).steps[1].arguments

    assert list(arguments) == ["value", "other"]
    assert arguments["value"] == FromStep(0, "output")
    assert arguments["other"] == Literal("p", encode("p"))


def test_handles_inside_containers_are_edges() -> None:
    """A list, tuple or dict that holds handles keeps its shape."""

    def flow() -> None:
        a = make()
        quiet([a, 1])
        quiet({"k": (a, a)})

    plan = body(flow).plan()

    assert plan.steps[1].arguments["x"] == Gathered(list, (FromStep(0, "output"), Literal(1, "1")))
    inner = Gathered(tuple, (FromStep(0, "output"), FromStep(0, "output")))
    assert plan.steps[2].arguments["x"] == Gathered(dict, (inner,), ("k",))
    assert plan.steps[2].upstream() == (0,)


def test_parameters_do_not_follow_later_changes() -> None:
    """What the body does to a list after the call does not reach the step."""

    def flow() -> None:
        items = [1]
        quiet(items)
        items.append(2)

    argument = body(flow).steps[0].arguments["x"]

    assert argument == Literal([1], encode([1]))


@pytest.mark.parametrize("value", [lambda: 1, (n for n in ()), object(), threading.Lock()])
def test_what_cannot_be_recorded_is_refused_with_the_way_out(value: Any) -> None:
    """The message names step, parameter and type, and says ExternalArtifact."""
    kind = "lambda" if callable(value) else type(value).__name__
    with pytest.raises(ParameterError, match=rf"Step 'quiet'.*{kind}.*'x'(?s:.*)ExternalArtifact"):
        body(lambda: quiet(value))


def test_open_files_and_cycles_are_refused() -> None:
    """An open file and a list that holds itself cannot be parameters."""
    circle: list[Any] = []
    circle.append(circle)
    with open(__file__) as stream:
        for value in (stream, circle):
            with pytest.raises(ParameterError, match="Step 'quiet'.*'x'"):
                body(partial(passed_on, value))


def test_a_step_that_was_not_called_is_refused() -> None:
    """Passing the step itself instead of its output says to call it."""
    with pytest.raises(ParameterError, match="Call it first"):
        body(lambda: quiet(make))


def test_values_of_the_wrong_type_are_refused() -> None:
    """A literal and an output that do not fit the annotation are found where the step is called."""
    with pytest.raises(TypeMismatch, match="Step 'use', parameter 'value'"):
        body(lambda: use("3"))
    with pytest.raises(TypeMismatch, match="output 'output' of step 'text'"):
        body(lambda: use(text()))


def test_custom_ids() -> None:
    """`id=` names an invocation, once; counting goes on around it."""

    def flow() -> None:
        make(id="make_2")
        make()
        make()

    assert [s.name for s in body(flow).steps] == ["make_2", "make", "make_3"]
    with pytest.raises(DefinitionError, match="Two steps have the id 'a'"):
        body(lambda: (make(id="a"), named(id="a")))
    for wrong in ("", "12", "a/b", "a\tb"):
        with pytest.raises(NameInvalid):
            body(partial(make, id=wrong))


def test_own_parameters_called_id_and_after_stay_the_steps() -> None:
    """A step with a parameter `id` gets it; `with_options` serves for the invocation."""

    @step
    def own(id: str, after: int) -> None: ...

    def flow() -> None:
        make()
        own.with_options(id="mine", after="make")(id="theirs", after=3)

    planned = body(flow).steps[1]

    assert (planned.name, planned.after) == ("mine", (0,))
    assert planned.arguments == {"id": Literal("theirs", '"theirs"'), "after": Literal(3, "3")}


def test_after_takes_handles_and_ids() -> None:
    """Steps wait without data by handle, tuple of handles, list or id."""

    def flow() -> None:
        a, b = make(), pair()
        quiet()
        make(after=[a, b, "quiet"])
        make(after=b)

    steps = body(flow).steps

    assert [s.after for s in steps[3:]] == [(0, 1, 2), (1,)]


def test_after_something_unknown_is_refused() -> None:
    """An id not called before, and the None of a step without outputs, are refused with the way out."""
    with pytest.raises(DefinitionError, match="'mak' that was not called before it.*'make'"):
        body(lambda: (make(), named(after="mak")))
    with pytest.raises(DefinitionError, match="by its id"):
        body(lambda: make(after=quiet()))
    with pytest.raises(DefinitionError, match="by its id"):
        body(lambda: (quiet(), make(after=[quiet()])))


def test_placeholders_are_filled_in_when_traced() -> None:
    """Date, time and substitutions are known before anything runs, and name artifact and output alike."""

    @step
    def extract() -> Annotated[int, ArtifactConfig(name="{kind}_data_{date}", version="v_{time}")]:
        return 1

    def flow() -> None:
        extract.with_options(substitutions={"kind": "train"})()
        extract()

    trace = traced(pipeline(substitutions={"kind": "any"}, run_name="r_{kind}_{date}")(flow))

    assert trace.steps[0].outputs[0].name == trace.steps[0].outputs[0].artifact == "train_data_2026_11_22"
    assert trace.steps[0].outputs[0].version == "v_03_55_11_971730"
    assert trace.steps[1].outputs[0].name == "any_data_2026_11_22"
    assert (trace.run_name, trace.run_name_given) == ("r_any_2026_11_22", True)
    assert body(flow, substitutions={"kind": "x"}).run_name == "flow-2026_11_22-03_55_11_971730"


def test_missing_placeholder_is_found_at_definition() -> None:
    """A placeholder without a value is named with the near ones."""

    @step
    def extract() -> Annotated[int, "{kynd}_data"]:
        return 1

    with pytest.raises(DefinitionError, match=r"\{kynd\}.*'kind'"):
        body(lambda: extract(), substitutions={"kind": "a"})


def test_names_that_become_equal_are_refused() -> None:
    """Two outputs whose placeholders give one name cannot be told apart."""

    @step
    def two() -> tuple[Annotated[int, "{a}"], Annotated[int, "{b}"]]:
        return 1, 2

    with pytest.raises(DefinitionError, match="two outputs of one name"):
        body(lambda: two(), substitutions={"a": "same", "b": "same"})


def test_outputs_of_the_body() -> None:
    """What the body returns is named by output, by step where that is ambiguous, or by key."""

    def several() -> Any:
        return make(), [named(), make()], 5

    def keyed() -> Any:
        return {"a": make(), "b": 1}

    assert body(several).outputs == (
        ("make.output", FromStep(0, "output")),
        ("number", FromStep(1, "number")),
        ("make_2.output", FromStep(2, "output")),
    )
    assert body(keyed).outputs == (("a", FromStep(0, "output")),)
    assert body(lambda: named()).outputs == (("number", FromStep(0, "number")),)


def test_empty_body_is_refused() -> None:
    """A pipeline without steps is an error."""
    with pytest.raises(DefinitionError, match="no steps"):
        body(lambda: None)


def test_pipeline_arguments() -> None:
    """They are filled in, checked, recorded as typed text, and reach the body as they are."""
    seen: list[Any] = []

    @pipeline
    def flow(lr: float, kinds: tuple[int, ...] = (1, 2)) -> None:
        seen.append((lr, kinds))
        make()

    trace = traced(flow, {"lr": 1})

    assert seen == [(1, (1, 2))]
    assert {name: value.encoded for name, value in trace.parameters.items()} == {"lr": "1", "kinds": encode((1, 2))}
    with pytest.raises(ParameterError, match="Pipeline 'flow' needs an argument for 'lr'"):
        traced(flow)
    with pytest.raises(ParameterError, match="no parameter 'lrr'.*'lr'"):
        traced(flow, {"lrr": 1})
    with pytest.raises(TypeMismatch, match="'lr'"):
        traced(flow, {"lr": "1"})
    with pytest.raises(ParameterError, match="'lr'"):
        traced(pipeline(name="free")(lambda lr: make()), {"lr": object()})


def test_secrets_are_never_written() -> None:
    """The step gets the value; the record gets a placeholder that differs by value and by installation."""

    @step
    def login(token: Secret[str]) -> None: ...

    def token(value: str, salt: bytes | None = b"k") -> Literal:
        argument = body(lambda: login(value), salt=salt).steps[0].arguments["token"]
        assert isinstance(argument, Literal)
        return argument

    first = token("hunter2")

    assert first.value == "hunter2" and first.secret
    assert "<secret>" in first.encoded and "hunter2" not in first.encoded
    assert first == token("hunter2") != token("hunter3")
    assert first.encoded != token("hunter2", salt=b"other").encoded
    assert token("hunter2", salt=None) == token("hunter2", salt=None)


def test_a_secret_of_the_pipeline_stays_secret_in_its_steps() -> None:
    """A secret argument handed on to a step is redacted there too, and so is what the settings name."""

    @pipeline
    def flow(token: Secret[str], key: str) -> None:
        quiet(token)
        quiet(key)
        quiet("plain")

    trace = traced(flow, {"token": "hunter2", "key": "k3y"}, secret_names={"key"})
    shown = [trace.parameters, *(s.arguments for s in trace.steps)]

    assert [argument.secret for group in shown for argument in group.values()] == [True, True, True, True, False]
    with pytest.raises(TypeMismatch) as caught:
        traced(flow, {"token": 123456, "key": "k"})
    assert "123456" not in str(caught.value)


def test_secrets_inside_larger_values_are_found() -> None:
    """A secret that became part of a URL or a dict is redacted with it, in the record and in what a plan prints."""

    @pipeline
    def flow(token: Secret[str]) -> None:
        quiet(f"https://me:{token}@example.org")
        quiet({"password": token})
        quiet([token, make()])

    trace = traced(flow, {"token": 'hunt"er2'})

    assert [s.arguments["x"].secret for s in trace.steps if s.name in ("quiet", "quiet_2")] == [True, True]  # type: ignore[union-attr]
    assert "er2" not in repr(trace.plan()) and "er2" not in repr(trace.parameters)
    assert trace.steps[1].arguments["x"].value == {"password": 'hunt"er2'}  # type: ignore[union-attr]


def test_names_made_too_long_are_found() -> None:
    """A default artifact name or id that grows beyond 255 characters is refused before anything runs."""
    with pytest.raises(NameInvalid, match="artifact"):
        traced(pipeline(name="p" * 200)(lambda: make(id="s" * 100)))
    with pytest.raises(NameInvalid, match="step"):
        body(lambda: [quiet.with_options(name="s" * 255)() for _ in range(2)])


def test_files_count_by_content(tmp_path: Path) -> None:
    """A `File` is recorded with the digest of its content as it is when the body is traced."""
    path = tmp_path / "data.csv"
    path.write_text("a")

    def encoded() -> str:
        argument = body(lambda: quiet([File(path)])).steps[0].arguments["x"]
        assert isinstance(argument, Literal) and Path(argument.value[0]).read_text() == path.read_text()
        return argument.encoded

    first = encoded()
    assert first == encoded()
    path.write_text("b")
    assert first != encoded()
    with pytest.raises(ParameterError, match="cannot be read"):
        body(lambda: quiet(File(tmp_path / "absent")))


def version(seq: int) -> Version:
    content = Content(materializer="json", type="builtins.int", digest="sha256:00", size=1)
    save = SaveType.MANUAL
    return Version(
        seq=seq, id=UUID(int=seq), artifact="model", version="3", created=STARTED, save_type=save, content=content
    )


def test_external_artifacts() -> None:
    """A value from outside is its own kind of argument; a name is looked up at once, and a missing one refused."""
    recorded = {("model", None): version(7), ("model", "3"): version(7)}

    def flow() -> None:
        quiet(ExternalArtifact(value=threading))
        quiet(ExternalArtifact(name="model"))
        quiet([ExternalArtifact(name="model", version=3)])

    steps = body(flow, resolve_artifact=lambda *key: recorded.get(key)).steps

    assert steps[0].arguments["x"] == External(threading)
    assert steps[1].arguments["x"] == FromRecord(7)
    assert steps[2].arguments["x"] == Gathered(list, (FromRecord(7),))
    with pytest.raises(NotFound, match="version '4' of artifact 'model'"):
        body(lambda: quiet(ExternalArtifact(name="model", version=4)), resolve_artifact=lambda *key: recorded.get(key))


def test_external_values_are_checked() -> None:
    """A value from outside obeys the annotation like any other."""
    with pytest.raises(TypeMismatch, match="'value'"):
        body(lambda: use(ExternalArtifact(value="text")))


def test_load_hands_out_values_in_the_body() -> None:
    """With something to run it, `load()` gives the value, and the body may decide by it."""
    asked: list[FromStep] = []

    def on_load(source: FromStep) -> Any:
        asked.append(source)
        return 41

    def flow() -> None:
        if named().load() == 41:
            make(42)

    trace = body(flow, on_load=on_load)

    assert asked == [FromStep(0, "number")]
    assert [s.name for s in trace.steps] == ["named", "make"] and trace.complete


def test_without_anything_to_run_the_plan_ends_at_load() -> None:
    """A plan that is only shown holds the steps up to the first `load()`, and says that it is not complete."""

    def flow() -> None:
        try:
            named().load()
        except Exception:
            make()
        make()

    trace = body(flow)

    assert [s.name for s in trace.steps] == ["named"] and not trace.complete


def test_handles_of_another_run_are_refused() -> None:
    """A handle kept from an earlier body is not mistaken for one of this."""
    kept: list[Any] = []
    body(lambda: kept.append(make()))
    with pytest.raises(DefinitionError, match="another run"):
        body(lambda: use(kept[0]))
    with pytest.raises(DefinitionError, match="another run"):
        body(lambda: make(after=kept[0]))


def test_the_newest_output_of_a_name_can_be_found() -> None:
    """Looking up the latest version of a name in a body means the newest earlier invocation that outputs it."""
    found: list[Any] = []

    def flow() -> None:
        trace: Any = current.trace()
        found.append(trace.latest_output("number"))
        named()
        named()
        found.append(trace.latest_output("number"))

    body(flow)

    assert found[0] is None and found[1].step_name == "named_2"


def test_tracing_ends_with_the_body() -> None:
    """After a body, also one that raises, steps are plain functions again."""

    def flow() -> None:
        make()
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        body(flow)
    assert current.trace() is None and make() == 1


def test_inlined_pipelines() -> None:
    """Steps of a pipeline called in a body get prefixed ids, and its settings, cache switch and substitutions."""

    @step
    def produce(x: int) -> Annotated[int, "{kind}"]:
        return x

    @pipeline(enable_cache=False, settings={"a": 1}, substitutions={"kind": "inner"})
    def inner(x: int) -> Any:
        return produce.with_options(settings={"b": 2})(x, id="p")

    def outer() -> Any:
        first = inner(make())
        return inner(first), make()

    trace = body(outer)

    assert [s.name for s in trace.steps] == ["make", "inner.p", "inner_2.p", "make_2"]
    assert trace.steps[2].arguments["x"] == FromStep(1, "inner")
    assert trace.steps[1].step.options.enable_cache is False and trace.steps[3].step.options.enable_cache is None
    assert trace.steps[1].step.options.settings == {"a": 1, "b": 2}


def test_a_pipeline_that_calls_itself_is_refused() -> None:
    """A cycle of pipelines is found, not followed."""

    @pipeline
    def one() -> None:
        make()
        two()

    @pipeline
    def two() -> None:
        one()

    with pytest.raises(DefinitionError, match="calls itself"):
        traced(one)


def test_arguments_of_inlined_pipelines_are_checked() -> None:
    """A wrong type is found at the call of the inner pipeline."""

    @pipeline
    def inner(x: int) -> None:
        make(x)

    with pytest.raises(TypeMismatch, match="Pipeline 'inner', parameter 'x'"):
        body(lambda: inner(text()))


def test_output_options_are_merged() -> None:
    """Name, version, tags and metadata of an output come from its annotation and from options, options winning."""

    @step
    def fit() -> Annotated[int, ArtifactConfig(name="model", tags=["a"], run_metadata={"x": 1, "y": 1})]:
        return 1

    changed = fit.with_options(
        outputs={"model": ArtifactConfig(version="raw", tags=["b"], run_metadata={"y": 2}, is_model_artifact=True)},
        output_materializers="columns",
    )
    output = body(lambda: changed()).steps[0].outputs[0]

    assert (output.name, output.version, output.tags) == ("model", "raw", ("a", "b"))
    assert (output.metadata, output.artifact_type) == ({"x": 1, "y": 2}, "ModelArtifact")
    assert output.materializer.name == "columns"
