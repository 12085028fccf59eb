"""A configuration changes a run without its code, and says so where it is not understood."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pytest

from runlore.author.artifact_config import ArtifactConfig
from runlore.author.pipeline import Pipeline, pipeline
from runlore.author.step import step
from runlore.errors import ConfigurationError, ParameterError
from runlore.plan.configuration import configuration, load_configuration
from runlore.plan.trace import Trace

EVERYTHING = """
run_name: nightly-{date}-{kind}
enable_cache: false
tags: [nightly, 'prod']
parameters: {lr: 0.25}
settings: {docker: {image: x}}
substitutions: {kind: k}
steps:
  fit:
    enable_cache: true
    tags: [t]
    cache_version: 3
    parameters: {depth: 7}
    outputs:
      model:
        artifact_config: {version: raw_2023, tags: [golden], run_metadata: {a: 1}}
  fit_2:
"""


@step
def fit(lr: float, depth: int = 2) -> Annotated[int, ArtifactConfig(name="model", tags=["m"])]:
    return 1


@pipeline(tags=["code"])
def flow(lr: float = 0.1) -> None:
    fit(lr)
    fit(lr)


def traced(flow: Pipeline, **arguments: Any) -> Trace:
    trace = Trace(flow, arguments, started=datetime(2026, 11, 22, tzinfo=UTC))
    trace.run_body()
    return trace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def test_everything_is_applied(path: Path) -> None:
    """Run options, parameters, step options, step parameters and output configuration reach the plan."""
    path.write_text(EVERYTHING)

    trace = traced(flow.with_options(config_path=path))
    first, second = trace.steps

    assert (trace.run_name, trace.run_name_given) == ("nightly-2026_11_22-k", True)
    assert trace.pipeline.options.enable_cache is False
    assert trace.pipeline.options.tags == ("code", "nightly", "prod")
    assert trace.pipeline.options.settings == {"docker": {"image": "x"}}
    assert trace.parameters["lr"].value == 0.25
    assert {name: getattr(value, "value", None) for name, value in first.arguments.items()} == {"lr": 0.25, "depth": 7}
    assert (first.step.options.enable_cache, first.step.options.tags) == (True, ("t",))
    assert first.step.options.cache_version == "3"
    assert first.outputs[0].version == "raw_2023"
    assert (first.outputs[0].tags, first.outputs[0].metadata) == (("m", "golden"), {"a": 1})
    assert (second.outputs[0].version, second.step.options.enable_cache) == (None, None)


def test_a_parameter_in_code_and_file_is_an_error(path: Path) -> None:
    """Nothing says which of the two would be meant."""
    path.write_text("parameters: {lr: 0.25}")
    with pytest.raises(ParameterError, match=r"'lr' both in the call and in the file .*config\.yaml"):
        traced(flow.with_options(config_path=path), lr=0.1)
    path.write_text("steps: {fit: {parameters: {lr: 0.25}}}")
    with pytest.raises(ParameterError, match="Step 'fit' has its parameter 'lr' both"):
        traced(flow.with_options(config_path=path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"run_nam": "x"}, "unknown key 'run_nam'.*'run_name'"),
        ({"steps": {"fit": {"enable_cach": True}}}, "'enable_cach' at steps.fit.*'enable_cache'"),
        ({"steps": {"fit": {"outputs": {"model": {"config": {}}}}}}, "'config' at steps.fit.outputs.model"),
        (
            {"steps": {"fit": {"outputs": {"model": {"artifact_config": {"versio": 1}}}}}},
            "'versio' at .*artifact_config.*'version'",
        ),
        ({"enable_cache": "no"}, "enable_cache is True or False"),
        ({"tags": "a"}, "Tags are a list"),
        ({"steps": ["fit"]}, "at steps, should hold keys and values"),
        ([1], "should hold keys and values"),
        ({1: 2}, "should hold keys and values"),
        (
            {"steps": {"fit": {"outputs": {"model": {"artifact_config": {"version": 1.5}}}}}},
            "version is a str or an int",
        ),
    ],
)
def test_what_is_not_understood_is_an_error(content: Any, message: str) -> None:
    """Unknown keys at every level, and values of the wrong kind, are refused with the near name."""
    with pytest.raises(ConfigurationError, match=message):
        configuration(content)


def test_unknown_step_output_and_parameter_are_errors() -> None:
    """Names that the pipeline does not have are refused when it is traced."""

    def run(content: Any) -> None:
        Trace(flow, {}, started=datetime(2026, 1, 1, tzinfo=UTC), configuration=configuration(content)).run_body()

    with pytest.raises(ConfigurationError, match="configures a step 'fitt'.*'fit'"):
        run({"steps": {"fitt": {}}})
    with pytest.raises(ConfigurationError, match="no output 'modle'.*'model'"):
        run({"steps": {"fit": {"outputs": {"modle": {"artifact_config": {}}}}}})
    with pytest.raises(ParameterError, match="no parameter 'depht'.*'depth'"):
        run({"steps": {"fit": {"parameters": {"depht": 1}}}})
    with pytest.raises(ParameterError, match="Pipeline 'flow' has no parameter 'rl'"):
        run({"parameters": {"rl": 1}})


def test_files_that_cannot_be_read(path: Path) -> None:
    """A missing file and one that is no YAML are named; an empty one configures nothing."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_configuration(path)
    path.write_text("a: [")
    with pytest.raises(ConfigurationError, match="not valid YAML"):
        load_configuration(path)
    path.write_text("")
    assert load_configuration(path).options == {}


def test_an_inlined_pipeline_with_a_file_is_refused(path: Path) -> None:
    """A file that would be ignored is an error."""
    path.write_text("")

    @pipeline
    def outer() -> None:
        flow.with_options(config_path=path)()

    with pytest.raises(ConfigurationError, match="config_path"):
        traced(outer)
