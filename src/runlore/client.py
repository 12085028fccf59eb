"""The public door to everything recorded: ``from runlore.client import Client``."""

from __future__ import annotations

from runlore.recall.artifact import Artifact
from runlore.recall.client import Client
from runlore.recall.listing import Listing
from runlore.recall.namespace import use_namespace
from runlore.recall.pipeline import Pipeline
from runlore.recall.run import Run
from runlore.recall.step import Step
from runlore.recall.task import Task
from runlore.recall.version import ArtifactVersion

__all__ = ["Artifact", "ArtifactVersion", "Client", "Listing", "Pipeline", "Run", "Step", "Task", "use_namespace"]
