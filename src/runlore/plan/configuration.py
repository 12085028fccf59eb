"""Configuration of a run from YAML or a dict: run name, tags, parameters, settings, and options by step.

::

    run_name: nightly-{date}
    enable_cache: false
    tags: [nightly]
    parameters: {lr: 0.1}
    settings: {…}
    substitutions: {kind: train}
    steps:
      train:                                  # an invocation id
        enable_cache: true
        parameters: {epochs: 5}
        outputs:
          model:                              # an output as declared
            artifact_config: {version: raw_2023, tags: [golden]}
        output_materializers: {model: my_project.materializers.ModelMaterializer}    # or one for all outputs

A materializer is written as its name in the record or as where its class is.

Every key that is not known is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any

from runlore.author.artifact_config import ArtifactConfig
from runlore.author.options import SWITCHES, PipelineOptions, StepOptions, with_changes
from runlore.errors import ConfigurationError
from runlore.model.noun import fields_of
from runlore.model.suggest import did_you_mean

RUN_OPTIONS = ("run_name", *SWITCHES, "tags", "settings", "substitutions")
STEP_OPTIONS = (
    *(*SWITCHES, "tags", "settings", "substitutions", "output_materializers"),
    *("cache_version", "cache_files", "cache_env"),
)
ARTIFACT_OPTIONS = fields_of(ArtifactConfig)


@dataclass(frozen=True, kw_only=True)
class StepConfiguration:
    """What a configuration says about one invocation."""

    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What a configuration says about a run."""

    #: Where it came from, for messages.
    source: str = "the configuration"
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    #: Invocation id → options and parameters.
    steps: Mapping[str, StepConfiguration] = field(default_factory=dict)

    def check_steps(self, known: Iterable[str]) -> None:
        """Raise `ConfigurationError` if options are given for a step that the pipeline does not have."""
        names = list(known)
        for name in self.steps:
            if name not in names:
                raise ConfigurationError(f"{self.source} configures a step {name!r}.{did_you_mean(name, names)}")


def load_configuration(path: str | PathLike[str]) -> Configuration:
    """Read a YAML file; `ConfigurationError` if it is not there, not YAML, or says something unknown."""
    import yaml

    try:
        with open(path, encoding="utf-8") as stream:
            content = yaml.safe_load(stream)
    except OSError as error:
        raise ConfigurationError(f"The file {fspath(path)!r} cannot be read: {error.strerror or error}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The file {fspath(path)!r} is not valid YAML: {error}") from error
    return configuration({} if content is None else content, source=f"The file {fspath(path)!r}")


def configuration(content: object, *, source: str = "The configuration") -> Configuration:
    """Check a configuration that is at hand as a dict."""
    top = _checked(content, (*RUN_OPTIONS, "parameters", "steps"), source, "")
    options = {name: top[name] for name in RUN_OPTIONS if name in top}
    with_changes(PipelineOptions(), options, about=source)
    steps = _mapping(top.get("steps"), source, "steps")
    return Configuration(
        source=source,
        options=options,
        parameters=_mapping(top.get("parameters"), source, "parameters"),
        steps={name: _step(content, source, f"steps.{name}") for name, content in steps.items()},
    )


def _step(content: object, source: str, place: str) -> StepConfiguration:
    entries = _checked({} if content is None else content, (*STEP_OPTIONS, "parameters", "outputs"), source, place)
    options = {name: entries[name] for name in STEP_OPTIONS if name in entries}
    outputs = _mapping(entries.get("outputs"), source, f"{place}.outputs")
    if outputs:
        options["outputs"] = {
            name: _output(content, source, f"{place}.outputs.{name}") for name, content in outputs.items()
        }
    with_changes(StepOptions(), options, about=f"Step options in {source[0].lower() + source[1:]}, at {place}")
    return StepConfiguration(
        options=options, parameters=_mapping(entries.get("parameters"), source, f"{place}.parameters")
    )


def _output(content: object, source: str, place: str) -> ArtifactConfig:
    entries = _checked(content, ("artifact_config",), source, place)
    place = f"{place}.artifact_config"
    return ArtifactConfig(**_checked(entries.get("artifact_config") or {}, ARTIFACT_OPTIONS, source, place))


def _checked(content: object, known: tuple[str, ...], source: str, place: str) -> Mapping[str, Any]:
    entries = _mapping(content, source, place)
    for key in entries:
        if key not in known:
            at = f" at {place}" if place else ""
            raise ConfigurationError(f"{source} has an unknown key {key!r}{at}.{did_you_mean(key, known, limit=20)}")
    return entries


def _mapping(content: object, source: str, place: str) -> Mapping[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        where = f", at {place}," if place else ""
        raise ConfigurationError(f"{source}{where} should hold keys and values, not {content!r}.")
    return content
