"""Options of steps and pipelines: what can be said about them besides their code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from runlore.author.artifact_config import ArtifactConfig, checked_tags
from runlore.author.trigger import triggers_of
from runlore.errors import ConfigurationError
from runlore.model.name import checked_name, checked_step_id
from runlore.model.noun import changed, field, fields_of, noun
from runlore.model.suggest import did_you_mean

Hook = Callable[..., Any]


@noun
class StepOptions:
    """Everything that ``@step(...)`` and ``with_options(...)`` take. ``None`` and empty mean: not said."""

    #: Name of the step; by default its function's. Invocation ids are made from it.
    name: str | None = None
    #: Invocation id, unique in its pipeline.
    id: str | None = None
    #: Steps to wait for without taking data from them: handles or invocation ids.
    after: tuple[Any, ...] = ()
    #: Whether results may come from the cache; ``None`` leaves it to the pipeline and the settings.
    enable_cache: bool | None = None
    #: Whether values are described when they are stored; ``None`` leaves it to the pipeline and the settings.
    enable_artifact_metadata: bool | None = None
    #: Whether pictures of values may be made; ``None`` leaves it to the pipeline and the settings.
    enable_artifact_visualization: bool | None = None
    #: Anything; kept with the run and given back as ``step.config.settings``.
    settings: Mapping[str, Any] = field(default_factory=dict)
    #: Put on the step of every run. For tags of what it makes, see `ArtifactConfig`.
    tags: tuple[str, ...] = ()
    #: Values of placeholders in output names and versions.
    substitutions: Mapping[str, str] = field(default_factory=dict)
    #: Called with the exception, or with nothing if it takes no argument, when the step failed.
    on_failure: Hook | None = None
    #: Called without arguments when the step has completed; not when it came from the cache.
    on_success: Hook | None = None
    #: One materializer for all outputs, or output name → materializer.
    output_materializers: Any = None
    #: Part of the cache key: raise it to have the step run again.
    cache_version: str | None = None
    #: Paths whose content is part of the cache key.
    cache_files: tuple[str, ...] = ()
    #: Names of environment variables whose values are part of the cache key.
    cache_env: tuple[str, ...] = ()
    #: Output name (as declared) → what is to be recorded differently.
    outputs: Mapping[str, ArtifactConfig] = field(default_factory=dict)


@noun
class PipelineOptions:
    """Everything that ``@pipeline(...)`` and its ``with_options(...)`` take. ``None`` and empty mean: not said."""

    #: Name of the pipeline; by default its function's.
    name: str | None = None
    #: For steps that do not say it themselves.
    enable_cache: bool | None = None
    #: For steps that do not say it themselves.
    enable_artifact_metadata: bool | None = None
    enable_artifact_visualization: bool | None = None
    #: Anything; kept with the run and given back as ``run.config.settings``.
    settings: Mapping[str, Any] = field(default_factory=dict)
    #: Put on every run.
    tags: tuple[str, ...] = ()
    #: Values of placeholders in the names of the run and of outputs.
    substitutions: Mapping[str, str] = field(default_factory=dict)
    #: Name of the run, with placeholders; by default ``{pipeline}-{date}-{time}``.
    run_name: str | None = None
    #: What starts the run: the name of an event, a `TriggerEvent`, a run, or several of these. A run that is started by
    #: a step has that step's run among them anyway.
    trigger: Any = ()
    #: A YAML file with more of these options, parameters, and options by step.
    config_path: str | None = None
    #: Called with the exception, or with nothing if it takes no argument, when the run failed.
    on_failure: Hook | None = None
    #: Called without arguments when the run was successful, from the cache or not.
    on_success: Hook | None = None


Options = TypeVar("Options", StepOptions, PipelineOptions)

#: Options that are true, false, or left to whoever is above.
SWITCHES = ("enable_cache", "enable_artifact_metadata", "enable_artifact_visualization")
_MERGED = ("settings", "substitutions")
_TEXTS = ("name", "run_name", "cache_version", "config_path")
_HOOKS = ("on_failure", "on_success")
_NAME_LISTS = ("cache_files", "cache_env")


def option_names(kind: type[Any]) -> tuple[str, ...]:
    """Names of all options of `StepOptions` or `PipelineOptions`."""
    return fields_of(kind)


def with_changes(options: Options, changes: Mapping[str, Any], *, about: str) -> Options:
    """Return ``options`` with ``changes`` applied.

    Settings and substitutions are merged, tags are added, ``None`` and everything else replaces. `ConfigurationError`
    for an unknown option, with a suggestion, or a value that it cannot take; ``about`` names what has the options.
    """
    known = option_names(type(options))
    checked: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            raise ConfigurationError(f"{about} has no option {name!r}.{did_you_mean(name, known, limit=20)}")
        checked[name] = _checked(name, value, getattr(options, name), about)
    return changed(options, **checked)


def _checked(name: str, value: Any, before: Any, about: str) -> Any:
    if name in _MERGED:
        return {**before, **_mapping(name, value, about)}
    if name == "tags":
        return tuple(dict.fromkeys((*before, *checked_tags(() if value is None else value))))
    if name == "trigger":
        return triggers_of(value, about)
    if name == "outputs":
        return _merged_outputs(before, _mapping(name, value, about), about)
    if name == "after":
        return as_tuple(value)
    if name in _NAME_LISTS:
        return _texts(name, value, about)
    if value is None:
        return None
    if name == "id":
        return checked_step_id(value)
    if name == "name":
        return checked_name("step" if about.startswith("Step") else "pipeline", value)
    return _checked_plain(name, value, about)


def _checked_plain(name: str, value: Any, about: str) -> Any:
    if name in SWITCHES and not isinstance(value, bool):
        raise ConfigurationError(f"{about}: {name} is True or False, not {value!r}.")
    if name in _HOOKS and not callable(value):
        raise ConfigurationError(f"{about}: {name} is a function to call, not {value!r}.")
    if name == "cache_version" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if name == "config_path" and hasattr(value, "__fspath__"):
        return str(value)
    if name in _TEXTS and not isinstance(value, str):
        raise ConfigurationError(f"{about}: {name} is a str, not {value!r}.")
    return value


def _mapping(name: str, value: Any, about: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError(f"{about}: {name} is a dict with str keys, not {value!r}.")
    if name == "substitutions" and not all(isinstance(text, str) for text in value.values()):
        raise ConfigurationError(f"{about}: substitutions replace placeholders by str, which {value!r} does not.")
    return value


def _merged_outputs(before: Mapping[str, ArtifactConfig], value: Mapping[str, Any], about: str) -> dict[str, Any]:
    merged = dict(before)
    for name, config in value.items():
        if not isinstance(config, ArtifactConfig):
            raise ConfigurationError(f"{about}: outputs[{name!r}] is an ArtifactConfig, not {config!r}.")
        merged[name] = merged[name].updated(config) if name in merged else config
    return merged


def _texts(name: str, value: Any, about: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigurationError(f"{about}: {name} is a list of str, not {value!r}.")
    return tuple(str(item) for item in value)


def as_tuple(value: Any) -> tuple[Any, ...]:
    """One thing, several, or none (``None``), as a tuple."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, (list, tuple, set, frozenset)) else (value,)
