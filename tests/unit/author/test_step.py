"""Steps are plain functions outside a pipeline's body, and their options are checked."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import cloudpickle
import pytest

from runlore.author import current
from runlore.author.artifact_config import ArtifactConfig
from runlore.author.handle import unmapped
from runlore.author.pipeline import pipeline
from runlore.author.step import Step, step
from runlore.errors import ConfigurationError, DefinitionError, NameInvalid, RunloreError


@step
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


def test_a_step_outside_a_body_is_a_plain_function() -> None:
    """Unit tests call steps like functions."""
    assert add(1, b=2) == 3
    assert (add.name, add.__doc__, add.__wrapped__) == ("add", "Add two numbers.", add.function)


def test_map_outside_a_body_calls_in_order() -> None:
    """A plain map gives the list of results."""
    assert add.map([1, 2], b=[10, 20]) == [11, 22]
    assert add.map(range(3), b=5) == [5, 6, 7]


def test_map_outside_a_body_checks_lengths() -> None:
    """Lists of different lengths do not go side by side."""
    with pytest.raises(DefinitionError, match="lengths differ"):
        add.map([1, 2], b=[1])
    with pytest.raises(DefinitionError, match="nothing to walk"):
        add.map(unmapped([1]))


def test_unknown_option_suggests() -> None:
    """A typo in an option is met with the right name."""
    with pytest.raises(ConfigurationError, match="no option 'enable_cach'.*'enable_cache'"):
        step(enable_cach=False)(lambda: None)


@pytest.mark.parametrize(
    "options",
    [
        {"enable_cache": "no"},
        {"tags": "prod"},
        {"settings": 3},
        {"substitutions": {"a": 1}},
        {"on_failure": 3},
        {"cache_files": "a.csv"},
        {"outputs": {"output": "x"}},
        {"outputs": {"nope": ArtifactConfig()}},
        {"output_materializers": {"nope": object}},
    ],
)
def test_options_of_the_wrong_kind_are_refused(options: dict[str, Any]) -> None:
    """An option that cannot mean anything is refused when it is given."""
    with pytest.raises(ConfigurationError):
        add.with_options(**options)


def test_with_options_copies_and_adds() -> None:
    """The original keeps its options; tags, settings and substitutions are added to, the rest is replaced."""
    first = add.with_options(tags=["a"], settings={"x": 1}, substitutions={"k": "1"}, enable_cache=False)
    second = first.with_options(tags=["b", "a"], settings={"y": 2}, enable_cache=True, name="sum")

    assert add.options.tags == () and add.options.enable_cache is None
    assert second.options.tags == ("a", "b")
    assert second.options.settings == {"x": 1, "y": 2}
    assert (second.options.enable_cache, second.name, first.name) == (True, "sum", "add")


@pytest.mark.parametrize("name", ["", "a/b", "x" * 256, "a\x00b"])
def test_names_of_steps_and_pipelines_obey_the_rules(name: str) -> None:
    """Bad names are refused where they are given."""
    with pytest.raises(NameInvalid):
        add.with_options(name=name)
    with pytest.raises(NameInvalid):
        pipeline(name=name)(lambda: None)


def test_what_is_no_function_is_refused() -> None:
    """Classes, generators and coroutines cannot be steps."""

    async def later() -> None: ...

    def many() -> Any:
        yield 1

    for wrong in (int, 3, later, many):
        with pytest.raises(DefinitionError):
            step(wrong)  # type: ignore[call-overload]


def test_partials_and_lambdas_are_steps() -> None:
    """Any callable with a name can be a step."""
    assert step(partial(add.function, 1))(b=2) == 3
    assert step(lambda x: x)(4) == 4


def test_local_steps_travel_by_value() -> None:
    """A step defined in a function comes back from cloudpickle working, before and after its first plan."""
    offset = 10

    @step(tags=["t"])
    def shift(x: int) -> NotYet:  # noqa: F821
        return x + offset

    for _ in range(2):
        copy = pickle.loads(cloudpickle.dumps(shift))
        assert isinstance(copy, Step) and copy(1) == 11 and copy.options == shift.options
        shift.signature.complete()


def test_pipelines_run_in_the_workspace_in_force() -> None:
    """Calling a pipeline hands it to the innermost workspace with its arguments."""

    class Recorder:
        def run(self, pipeline: Any, args: Any, kwargs: Any) -> Any:
            return pipeline.name, args, kwargs

    @pipeline
    def flow(x: int) -> None: ...

    with current.use_workspace(Recorder()):
        assert flow(1, y=2) == ("flow", (1,), {"y": 2})


def test_without_a_workspace_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package itself binds the default; without it, a pipeline cannot run."""
    monkeypatch.setattr(current, "_factory", None)
    with pytest.raises(RunloreError, match="use_workspace"):
        current.workspace()
