"""Pathspec: a name for anything by its position, ``pipeline/run/step/task/output`` or ``artifact:name@version``."""

from __future__ import annotations

from runlore.errors import NameInvalid, PathspecInvalid
from runlore.model.article import with_article
from runlore.model.name import checked_name
from runlore.model.noun import noun

ARTIFACT_PREFIX = "artifact:"
#: What each part names, in order.
PARTS = ("pipeline", "run", "step", "task", "output")
_FORM = "pipeline/run/step/task/output, or artifact:name@version"


@noun
class RunPath:
    """``training/12/train/0/model`` or any shorter prefix; absent parts are ``None``."""

    #: When it stands alone, it may also be a run's name, id or prefix.
    pipeline: str
    #: Number, id, unique prefix of id or name, name, ``latest`` or ``latest-successful``.
    run: str | None = None
    step: str | None = None
    task: int | None = None
    output: str | None = None

    def __str__(self) -> str:
        parts = (self.pipeline, self.run, self.step, self.task, self.output)
        return "/".join(str(part) for part in parts if part is not None)


@noun
class ArtifactPath:
    """``artifact:model`` (the series) or ``artifact:model@3`` (one version of it)."""

    name: str
    #: Label, number, alias or ``latest``; ``None`` names the series.
    version: str | None = None

    def __str__(self) -> str:
        return ARTIFACT_PREFIX + self.name + ("" if self.version is None else f"@{self.version}")


Pathspec = RunPath | ArtifactPath


def parse_pathspec(text: str) -> Pathspec:
    """Read a pathspec. Raises `PathspecInvalid` naming the part that is wrong."""
    if not isinstance(text, str):
        raise PathspecInvalid(
            f"A pathspec is a str of the form {_FORM}; {text!r} is {with_article(type(text).__name__)}."
        )
    if text.startswith(ARTIFACT_PREFIX):
        return _artifact_path(text)
    parts = text.split("/")
    if len(parts) > len(PARTS):
        raise PathspecInvalid(f"{text!r} has {len(parts)} parts; a pathspec has at most {len(PARTS)}: {_FORM}.")
    for kind, part in zip(PARTS, parts, strict=False):
        _checked(kind, part, text)
    return RunPath(
        pipeline=parts[0],
        run=parts[1] if len(parts) > 1 else None,
        step=parts[2] if len(parts) > 2 else None,
        task=_task_index(parts[3], text) if len(parts) > 3 else None,
        output=parts[4] if len(parts) > 4 else None,
    )


def _artifact_path(text: str) -> ArtifactPath:
    name, at, version = text.removeprefix(ARTIFACT_PREFIX).rpartition("@")
    if not at:
        name, version = version, ""
    _checked("artifact", name, text, slash=True)
    if at:
        _checked("version", version, text)
    return ArtifactPath(name=name, version=version if at else None)


def _checked(kind: str, part: str, text: str, *, slash: bool = False) -> None:
    try:
        checked_name(kind, part, slash=slash)
    except NameInvalid as error:
        raise PathspecInvalid(f"{text!r} is not a pathspec ({_FORM}): {error}") from None


def _task_index(part: str, text: str) -> int:
    if not (part.isascii() and part.isdigit()):
        raise PathspecInvalid(
            f"The fourth part of {text!r} must be a task's index, not {part!r}: 'training/12/train/0'."
        )
    return int(part)
