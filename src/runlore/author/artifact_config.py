"""`ArtifactConfig`: how an output is recorded; `ExternalArtifact`: a value brought in from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from runlore.errors import ConfigurationError, DefinitionError
from runlore.model.article import with_article
from runlore.model.artifact import ArtifactType
from runlore.model.name import checked_name, checked_tag, checked_version
from runlore.model.noun import field, noun

_NOTHING: Any = object()


@noun(kw_only=False)
class ArtifactConfig:
    """Name, version, tags and metadata of an output, used as ``Annotated[T, ArtifactConfig(name="model")]``.

    ``name`` and ``version`` may hold placeholders such as ``{date}``. Without a name the artifact is called
    ``{pipeline}::{step}::{output}``. A ``version`` must be free when a run is about to make it; an int is taken as its
    decimal text. ``run_metadata`` is merged with what the step logs about the output.
    """

    name: str | None = None
    version: str | int | None = None
    tags: Sequence[str] = ()
    run_metadata: Mapping[str, Any] = field(default_factory=dict)
    #: ``DataArtifact``, ``ModelArtifact``, …; by default what the materializer says.
    artifact_type: str | None = None
    #: A materializer class or the name of one, for this output only.
    materializer: Any = None
    #: Short for ``artifact_type="ModelArtifact"``.
    is_model_artifact: bool = False

    def __post_init__(self) -> None:
        if self.name is not None:
            object.__setattr__(self, "name", checked_name("output", self.name))
        if self.version is not None:
            if isinstance(self.version, bool) or not isinstance(self.version, (str, int)):
                raise ConfigurationError(f"An artifact version is a str or an int, not {self.version!r}.")
            object.__setattr__(self, "version", checked_version(self.version))
        if self.is_model_artifact and self.artifact_type is None:
            object.__setattr__(self, "artifact_type", "ModelArtifact")
        object.__setattr__(self, "artifact_type", checked_artifact_type(self.artifact_type))
        object.__setattr__(self, "tags", checked_tags(self.tags))

    def updated(self, other: ArtifactConfig) -> ArtifactConfig:
        """Return a copy in which what ``other`` sets wins; tags and metadata of both are kept."""
        return ArtifactConfig(
            name=other.name if other.name is not None else self.name,
            version=other.version if other.version is not None else self.version,
            tags=tuple(dict.fromkeys((*self.tags, *other.tags))),
            run_metadata={**self.run_metadata, **other.run_metadata},
            artifact_type=other.artifact_type or self.artifact_type,
            materializer=other.materializer if other.materializer is not None else self.materializer,
        )


def checked_tags(tags: object) -> tuple[str, ...]:
    """Return tags as a tuple without repetitions; a lone str is refused, because it would be taken letter by letter."""
    if isinstance(tags, str) or not isinstance(tags, (list, tuple, set, frozenset)):
        raise ConfigurationError(
            f"Tags are a list of str, such as ['prod']; {tags!r} is {with_article(type(tags).__name__)}."
        )
    ordered = sorted(tags, key=str) if isinstance(tags, (set, frozenset)) else tags
    return tuple(dict.fromkeys(checked_tag(tag) for tag in ordered))


def checked_artifact_type(value: object) -> str | None:
    """Return an artifact type such as ``ModelArtifact`` as plain text; ``None`` where none is given."""
    if value is None:
        return None
    try:
        return ArtifactType(str(value)).value
    except ValueError:
        known = ", ".join(repr(kind.value) for kind in ArtifactType)
        raise ConfigurationError(f"An artifact type is one of {known}, not {value!r}.") from None


class ExternalArtifact:
    """A value from outside a pipeline, or a recorded version, as an argument of a step.

    ``ExternalArtifact(value=frame)`` saves the value as an artifact of its own, called ``name`` if one is given, and
    the step that takes it is not cached. ``ExternalArtifact(name="model", version="3")`` is an input like any other: it
    is looked up by label or alias when the pipeline's body is traced, the latest one if ``version`` is not given.
    ``ExternalArtifact(id=...)`` names the version itself.

    Args:
        value: The value. It is saved once for each call that it is given to.
        id: Id of a recorded version.
        name: Name of the artifact.
        version: Label or alias of a recorded version, together with ``name``.
        materializer: A materializer class or the name of one, for ``value``.
        store_artifact_metadata: Whether the value is described.
        store_artifact_visualizations: Whether pictures of the value may be made.
    """

    __slots__ = ("value", "has_value", "id", "name", "version", "materializer", "describe", "pictures")

    def __init__(
        self,
        value: Any = _NOTHING,
        *,
        id: UUID | str | None = None,
        name: str | None = None,
        version: str | int | None = None,
        materializer: Any = None,
        store_artifact_metadata: bool = True,
        store_artifact_visualizations: bool = True,
    ) -> None:
        self.has_value = value is not _NOTHING
        if self.has_value + (id is not None) > 1 or not (self.has_value or id is not None or name is not None):
            raise DefinitionError(
                "ExternalArtifact needs one of: a value=, or the id= or name= of an artifact version that is recorded."
            )
        if version is not None and (self.has_value or id is not None):
            raise DefinitionError("ExternalArtifact takes version= only together with name=, to look one up.")
        if materializer is not None and not self.has_value:
            raise DefinitionError("ExternalArtifact takes materializer= only together with value=, to store it.")
        if id is not None and name is not None:
            raise DefinitionError("ExternalArtifact takes id= alone: it says which version is meant.")
        self.value = value if self.has_value else None
        self.id = id if id is None else _checked_id(id)
        self.name = name if name is None else checked_name("artifact", name, slash=True)
        self.version = None if version is None else str(version)
        self.materializer = materializer
        self.describe = store_artifact_metadata
        self.pictures = store_artifact_visualizations

    def __repr__(self) -> str:
        if self.has_value:
            return f"ExternalArtifact(value=<{type(self.value).__name__}>)"
        if self.id is not None:
            return f"ExternalArtifact(id={str(self.id)!r})"
        return f"ExternalArtifact(name={self.name!r}, version={self.version!r})"


def _checked_id(id: UUID | str) -> UUID:
    try:
        return id if isinstance(id, UUID) else UUID(id)
    except (ValueError, AttributeError, TypeError):
        raise DefinitionError(f"ExternalArtifact takes the whole id of a version, which {id!r} is not.") from None
