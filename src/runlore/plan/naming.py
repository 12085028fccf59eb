"""Invocation ids and output names of one trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlore.author.artifact_config import ArtifactConfig
from runlore.author.signature import DeclaredOutput
from runlore.author.step import Step
from runlore.errors import ConfigurationError, DefinitionError, MissingExtra, ValueUnloadable
from runlore.model.name import LONGEST, checked_name, checked_step_id
from runlore.model.plan import PlannedOutput
from runlore.plan.placeholders import filled
from runlore.values.metadata import kept_metadata
from runlore.values.registry import chosen_materializer


class Ids:
    """Hands out ids: ``train``, ``train_2``, …, or the one asked for, which must be free."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def made(self, base: str) -> str:
        """A free id made from ``base``."""
        name = base if base in self._next else checked_step_id(base)
        number = self._next.get(base, 1)
        while number > 1 or name in self._taken:
            if number > 1 and (name := f"{base}_{number}") not in self._taken:
                break
            number += 1
        self._next[base] = number + 1
        self._taken.add(name if len(name) <= LONGEST else checked_step_id(name))
        return name

    def asked(self, name: str) -> str:
        """The id ``name``; `DefinitionError` if a step has it already."""
        name = checked_step_id(name)
        if name in self._taken:
            raise DefinitionError(
                f"Two steps have the id {name!r}. Ids are unique in a pipeline: give another id=, or none at all."
            )
        self._taken.add(name)
        return name


def planned_outputs(
    step: Step, pipeline: str, invocation: str, substitutions: Mapping[str, str]
) -> tuple[PlannedOutput, ...]:
    """The outputs of an invocation with names and versions as they will be recorded."""
    options = step.options
    plain = not options.outputs and options.output_materializers is None
    planned = tuple(
        PlannedOutput(name=out.name, artifact=f"{pipeline}::{invocation}::{out.name}", annotation=out.annotation)
        if plain and out.config is None
        else _configured(step, out, pipeline, invocation, substitutions)
        for out in step.signature.outputs
    )
    for output in planned:
        if len(output.artifact) > LONGEST:
            checked_name("artifact", output.artifact, slash=True)
    if len(planned) > 1 and len({output.name for output in planned}) < len(planned):
        names = ", ".join(repr(output.name) for output in planned)
        raise DefinitionError(f"Step {invocation!r} has two outputs of one name: {names}. Name each differently.")
    return planned


def _configured(
    step: Step, output: DeclaredOutput, pipeline: str, invocation: str, substitutions: Mapping[str, str]
) -> PlannedOutput:
    about = f"Step {invocation!r}, output {output.name!r}"
    declared = output.config or ArtifactConfig()
    extra = step.options.outputs.get(output.name)
    config = declared if extra is None else declared.updated(extra)
    name = output.name if config.name is None else config.name
    name = checked_name("output", filled(name, substitutions, about=about))
    version = None if config.version is None else filled(str(config.version), substitutions, about=about)
    return PlannedOutput(
        name=name,
        artifact=name if config.name is not None else f"{pipeline}::{invocation}::{name}",
        annotation=output.annotation,
        version=None if version is None else checked_name("version", version),
        tags=tuple(config.tags),
        metadata=kept_metadata(config.run_metadata),
        materializer=_checked_materializer(
            _materializer(step.options.output_materializers, output.name, declared, extra), about
        ),
        artifact_type=config.artifact_type,
    )


def _checked_materializer(chosen: Any, about: str) -> Any:
    """Raise before any work starts for what is no materializer, or the name of none."""
    try:
        return chosen if chosen is None else chosen_materializer(chosen)
    except MissingExtra:
        raise
    except (ValueUnloadable, DefinitionError) as error:
        raise ConfigurationError(f"{about}: {error}") from error


def _materializer(option: Any, output: str, declared: ArtifactConfig, extra: ArtifactConfig | None) -> Any:
    if extra is not None and extra.materializer is not None:
        return extra.materializer
    chosen = option.get(output) if isinstance(option, dict) else option
    return chosen if chosen is not None else declared.materializer
