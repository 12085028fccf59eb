"""Summary: what is known about a run, as plain values for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.model.jsonable import jsonable
from runlore.model.metadata import OwnerKind
from runlore.model.noted import Noted
from runlore.recall.rows import metadata_of

if TYPE_CHECKING:
    from runlore.recall.metric import Metric
    from runlore.recall.run import Run
    from runlore.recall.step import Step
    from runlore.recall.version import ArtifactVersion

#: Of an environment, what is told beside the number of packages.
_BRIEF = ("python", "system", "machine", "host", "user", "runlore")


def summary_of(run: Run) -> dict[str, Any]:
    """See `runlore.recall.run.Run.summary`."""
    noted = run._record.noted(OwnerKind.RUN, [run.seq])[run.seq]
    summary = {
        "run": run.pathspec,
        "id": run.id,
        "name": run.name,
        "pipeline": run.pipeline_name,
        "number": run.number,
        "status": run.status,
        "created": run.created,
        "ended": run.ended,
        "duration": run.duration,
        "user": run.user,
        "failure": _failure(run),
        "parameters": run.parameters.shown(),
        "metrics": {name: _metric(metric) for name, metric in run.metrics.items()},
        "metadata": metadata_of(noted),
        "tags": run.tags,
        "note": run.note,
        "steps": [_step(step, noted) for step in run.steps.values()],
        "outputs": {name: _version(version) for name, version in run.outputs.items()},
        "code": {"pipeline_version": run.pipeline_version, "git_commit": run.git_commit},
        "environment": _brief(run),
    }
    plain: dict[str, Any] = jsonable(summary)
    return plain


def _failure(run: Run) -> str | None:
    failure = run.failure
    return None if failure is None else failure.said


def _metric(metric: Metric) -> dict[str, Any]:
    return {"last": metric.last, "min": metric.min, "max": metric.max, "count": metric.count, "of": metric.owner}


def _step(step: Step, noted: Noted) -> dict[str, Any]:
    status = step.status
    own = tuple((None, entry) for index, entry in noted.metadata if index == step.index)
    return {
        "step": step.name,
        "status": status,
        "cached": status == "cached",
        "started": step.started,
        "ended": step.ended,
        "duration": step.duration,
        "tasks": len(step.tasks) if step.mapped else None,
        "parameters": step.parameters.shown(),
        "metadata": metadata_of(Noted(metadata=own)),
    }


def _version(version: ArtifactVersion) -> dict[str, Any]:
    return {"version": version.pathspec, "type": version.type, "digest": version.digest, "size": version.size}


def _brief(run: Run) -> dict[str, Any]:
    described = run.environment
    packages = described.get("packages") or {}
    return {**{key: described[key] for key in _BRIEF if key in described}, "packages": len(packages)}
