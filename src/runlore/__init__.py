"""runlore runs machine-learning pipelines and remembers everything.

What users write is here, and `Client`, the way to what was recorded, whose handles `runlore.client` lists. Names are
imported when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from runlore.author import current as _current

if TYPE_CHECKING:
    from runlore.author.artifact_config import ArtifactConfig, ExternalArtifact
    from runlore.author.file import File
    from runlore.author.handle import mapped, unmapped
    from runlore.author.pipeline import pipeline
    from runlore.author.secret import Secret
    from runlore.author.step import step
    from runlore.execute.context import get_step_context
    from runlore.execute.measuring import log_metric, log_metrics
    from runlore.execute.noting import log_artifact_metadata, log_metadata
    from runlore.model.status import Status
    from runlore.model.trigger import TriggerEvent
    from runlore.recall.client import Client
    from runlore.types import CSVString, HTMLString, JSONString, MarkdownString
    from runlore.workspace import (
        get_workspace,
        load_artifact,
        register_artifact,
        save_artifact,
        set_workspace,
        use_workspace,
    )

__version__ = "0.1.0"

__all__ = [
    "ArtifactConfig",
    "CSVString",
    "Client",
    "ExternalArtifact",
    "File",
    "HTMLString",
    "JSONString",
    "MarkdownString",
    "Secret",
    "Status",
    "TriggerEvent",
    "__version__",
    "get_step_context",
    "get_workspace",
    "load_artifact",
    "log_artifact_metadata",
    "log_metadata",
    "log_metric",
    "log_metrics",
    "mapped",
    "pipeline",
    "register_artifact",
    "save_artifact",
    "set_workspace",
    "step",
    "unmapped",
    "use_workspace",
]

#: Public name → the module that holds it.
_HOMES = {
    "ArtifactConfig": "runlore.author.artifact_config",
    "CSVString": "runlore.types",
    "Client": "runlore.client",
    "ExternalArtifact": "runlore.author.artifact_config",
    "File": "runlore.author.file",
    "HTMLString": "runlore.types",
    "JSONString": "runlore.types",
    "MarkdownString": "runlore.types",
    "Secret": "runlore.author.secret",
    "Status": "runlore.model.status",
    "TriggerEvent": "runlore.model.trigger",
    "get_step_context": "runlore.execute.context",
    "get_workspace": "runlore.workspace",
    "load_artifact": "runlore.workspace",
    "log_artifact_metadata": "runlore.execute.noting",
    "log_metadata": "runlore.execute.noting",
    "log_metric": "runlore.execute.measuring",
    "log_metrics": "runlore.execute.measuring",
    "mapped": "runlore.author.handle",
    "pipeline": "runlore.author.pipeline",
    "register_artifact": "runlore.workspace",
    "save_artifact": "runlore.workspace",
    "set_workspace": "runlore.workspace",
    "step": "runlore.author.step",
    "unmapped": "runlore.author.handle",
    "use_workspace": "runlore.workspace",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'runlore' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _default_workspace() -> Any:
    """The workspace that the environment and the working directory choose; the engine is imported only now."""
    from runlore.workspace import default_workspace

    return default_workspace()


def _workspace_at(place: Any) -> Any:
    """The workspace at a path, as above."""
    from runlore.workspace import workspace_at

    return workspace_at(place)


_current.set_workspace_factory(_default_workspace)
_current.set_workspace_opener(_workspace_at)
