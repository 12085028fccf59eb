"""`ArtifactConfig`: how an output is recorded; `ExternalArtifact`: a value brought in from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runlore.errors import ConfigurationError, DefinitionError
from runlore.model.article import with_article
from runlore.model.name import checked_name, checked_version
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
    return tuple(dict.fromkeys(checked_name("tag", tag, slash=True) for tag in ordered))


class ExternalArtifact:
    """A value from outside a pipeline, or a recorded version by name, as an argument of a step.

    ``ExternalArtifact(value=frame)`` saves the value as an artifact of its own, and the step that takes it is not
    cached. ``ExternalArtifact(name="model", version="3")`` is an input like any other: the version is looked up when
    the pipeline's body is traced, the latest one if ``version`` is not given.
    """

    __slots__ = ("value", "has_value", "name", "version", "materializer")

    def __init__(
        self,
        value: Any = _NOTHING,
        *,
        name: str | None = None,
        version: str | int | None = None,
        materializer: Any = None,
    ) -> None:
        self.has_value = value is not _NOTHING
        if not self.has_value and name is None:
            raise DefinitionError("ExternalArtifact needs a value=, or the name= of an artifact that is recorded.")
        if self.has_value and version is not None:
            raise DefinitionError("ExternalArtifact takes version= only together with name=, to look one up.")
        self.value = value if self.has_value else None
        self.name = name if name is None else checked_name("artifact", name, slash=True)
        self.version = None if version is None else str(version)
        self.materializer = materializer

    def __repr__(self) -> str:
        if self.has_value:
            return f"ExternalArtifact(value=<{type(self.value).__name__}>)"
        return f"ExternalArtifact(name={self.name!r}, version={self.version!r})"
