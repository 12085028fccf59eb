"""The public door to everything recorded: ``from runlore.client import Client``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.recall.artifact import Artifact
from runlore.recall.client import Client
from runlore.recall.listing import Listing
from runlore.recall.namespace import use_namespace
from runlore.recall.pipeline import Pipeline
from runlore.recall.run import Run
from runlore.recall.step import Step
from runlore.recall.task import Task
from runlore.recall.version import ArtifactVersion

if TYPE_CHECKING:
    from runlore.recall.metric import Metric, MetricPoint

__all__ = [
    "Artifact",
    "ArtifactVersion",
    "Client",
    "Listing",
    "Metric",
    "MetricPoint",
    "Pipeline",
    "Run",
    "Step",
    "Task",
    "use_namespace",
]


def __getattr__(name: str) -> Any:
    if name in ("Metric", "MetricPoint"):
        from runlore.recall import metric  # listings do without it

        return getattr(metric, name)
    raise AttributeError(f"module 'runlore.client' has no attribute {name!r}; it has {', '.join(__all__)}")
