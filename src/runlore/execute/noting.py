"""Noting: metadata on whatever it is about, from inside a step or from anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from runlore.author import current
from runlore.errors import ConfigurationError, StepContextError
from runlore.execute.context import current_step_context, get_step_context
from runlore.values.metadata import kept_metadata


def log_metadata(
    metadata: Mapping[str, Any],
    *,
    artifact_name: str | None = None,
    artifact_version: str | int | None = None,
    artifact_version_id: str | UUID | None = None,
    infer_artifact: bool = False,
    run_id_name_or_prefix: str | int | UUID | None = None,
    step_name: str | None = None,
) -> None:
    """Note ``metadata``, a dict, on the running step: ``log_metadata({"accuracy": 0.9})``. A later value of a key wins.

    A dict of dicts is a group. With other arguments it is noted elsewhere, and then also outside of steps:

    Args:
        metadata: What is noted: bool, int, float, str, datetime, …, numpy scalars, and lists and dicts of these.
        artifact_name: On an artifact version: the one that is being made, if the running step has an output of this
            name and no version is given; else the latest, or the one of ``artifact_version``.
        artifact_version: Label or alias of a version, together with ``artifact_name``.
        artifact_version_id: On the artifact version with this id.
        infer_artifact: On the version that is being made of the running step's only output, or of ``artifact_name``.
        run_id_name_or_prefix: On the run that this names.
        step_name: On the step with this id of that run.

    Raises:
        StepContextError: it is about the running step, and none is running here.
        NotFound: there is no such artifact version, run or step.
        ConfigurationError: the arguments say more than one thing.
        ValueUnstorable: a value cannot be kept exactly; nothing of ``metadata`` is noted then.
    """
    by_name = artifact_name is not None or artifact_version is not None or infer_artifact
    if by_name + (artifact_version_id is not None) + (run_id_name_or_prefix is not None) > 1:
        raise ConfigurationError(
            "log_metadata notes on one thing: give artifact_name= (and artifact_version=), artifact_version_id=, or "
            "run_id_name_or_prefix= (and step_name=)."
        )
    if step_name is not None and run_id_name_or_prefix is None:
        raise ConfigurationError("log_metadata takes step_name= only together with run_id_name_or_prefix=.")
    if infer_artifact:
        if artifact_version is not None:
            raise ConfigurationError("infer_artifact=True means the version being made; leave artifact_version= out.")
        get_step_context().add_output_metadata(metadata, artifact_name)
    elif by_name:
        log_artifact_metadata(metadata, artifact_name, artifact_version)
    elif artifact_version_id is not None:
        kept = kept_metadata(metadata)
        current.workspace().client.get_artifact_version(_uuid(artifact_version_id)).log_metadata(kept)
    elif run_id_name_or_prefix is not None:
        kept = kept_metadata(metadata)
        run = current.workspace().client.get_pipeline_run(run_id_name_or_prefix)
        (run if step_name is None else run.steps[step_name]).log_metadata(kept)
    else:
        get_step_context().log_metadata(metadata)


def log_artifact_metadata(
    metadata: Mapping[str, Any], artifact_name: str | None = None, artifact_version: str | int | None = None
) -> None:
    """Note ``metadata`` on an artifact version; a dict of dicts is a group, and a later value of a key wins.

    Args:
        metadata: As for `log_metadata`.
        artifact_name: Name of the artifact, or of an output of the running step; may be left out in a step that has
            one output.
        artifact_version: Label or alias. Without it, an output of the running step is the version that is being made,
            and of any other artifact the latest version is meant.

    Raises:
        StepContextError: no name is given, and no step is running here or it has several outputs.
        NotFound: there is no such artifact version.
        ValueUnstorable: a value cannot be kept exactly; nothing of ``metadata`` is noted then.
    """
    if artifact_name is None and artifact_version is not None:
        raise ConfigurationError("artifact_version= needs artifact_name=, to say which artifact has that version.")
    context = current_step_context()
    if artifact_name is None:
        if context is None:
            raise StepContextError("No step is running here whose output could be meant; pass artifact_name=.")
        context.add_output_metadata(metadata)
    elif context is not None and artifact_version is None and artifact_name in context.output_names:
        context.add_output_metadata(metadata, artifact_name)
    else:
        kept = kept_metadata(metadata)
        current.workspace().client.get_artifact_version(artifact_name, artifact_version).log_metadata(kept)


def _uuid(text: str | UUID) -> UUID:
    try:
        return text if isinstance(text, UUID) else UUID(text)
    except (ValueError, AttributeError, TypeError):
        raise ConfigurationError(f"artifact_version_id= is the whole id of a version, which {text!r} is not.") from None
