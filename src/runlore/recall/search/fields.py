"""Fields: what runs, versions, pipelines and artifacts can be searched and sorted by, under the names in use."""

from __future__ import annotations

from collections.abc import Sequence

from runlore.errors import QueryInvalid
from runlore.model.noun import noun
from runlore.model.query import FIELDS, KEYED, SEVERAL, about
from runlore.model.suggest import did_you_mean

#: Other names that fields are known by.
ALIASES: dict[str, dict[str, str]] = {
    "pipeline": {"tags": "tag"},
    "run": {
        "pipeline_name": "pipeline",
        "start_time": "created",
        "end_time": "ended",
        "version": "pipeline_version",
        "commit": "git_commit",
        "tags": "tag",
    },
    "artifact": {"tags": "tag"},
    "version": {
        "name": "artifact",
        "artifact_name": "artifact",
        "data_type": "type",
        "tags": "tag",
        "aliases": "alias",
    },
}
#: Words that a key follows, and the prefix of `KEYED` that each stands for.
GROUPS = {
    "parameters": "parameter",
    "parameter": "parameter",
    "metadata": "metadata",
    "run_metadata": "metadata",
    "metrics": "metric",
    "metric": "metric",
}
_MEASURES = {"last": "metric", "min": "metric.min", "max": "metric.max", "count": "metric.count"}
#: Fields whose values are written in units.
_UNITS = {("run", "duration"): "seconds", ("version", "size"): "bytes"}


@noun(kw_only=False)
class Field:
    """A field of a noun as `runlore.model.query` names it, and what kind of value it has."""

    name: str
    kind: str

    @property
    def several(self) -> bool:
        """Whether it may have several values that are equal in rank, so that nothing is sorted by it."""
        return self.name in SEVERAL


@noun(kw_only=False)
class Name:
    """One part of a field's name."""

    text: str
    #: Whether it was quoted, so that it means nothing but itself.
    quoted: bool = False


def field_called(noun: str, path: Sequence[Name], *, verb: str = "filtered") -> Field:
    """The field that a path such as ``metrics.loss.min`` names. Raises `QueryInvalid` saying what there is."""
    head, rest = path[0], path[1:]
    prefix = GROUPS.get(head.text)
    if prefix is not None and prefix in KEYED.get(noun, ()):
        return _under(prefix, rest, head.text)
    if noun == "run" and head.text in ("steps", "artifacts"):
        return _within(head.text, rest)
    whole = ".".join(part.text for part in path)
    name = ALIASES[noun].get(whole, whole)
    kind = FIELDS[noun].get(name)
    if kind is None:
        raise unknown(noun, whole, verb)
    return Field(name, _UNITS.get((noun, name), kind))


def unknown(noun: str, name: str, verb: str = "filtered") -> QueryInvalid:
    """The error for a name that is none of a field."""
    names = names_of(noun)
    if verb == "sorted":
        several = [known for known in names if known.startswith("artifacts.")]
        several += [known for known in names if ALIASES[noun].get(known, known) in SEVERAL]
        names = tuple(known for known in names if known not in several)
    return QueryInvalid(f"{_plural(noun)} cannot be {verb} by {name!r}.{did_you_mean(name, names, limit=40)}")


def names_of(noun: str) -> tuple[str, ...]:
    """Every name of a field, and the forms of those with a key."""
    prefixes = KEYED.get(noun, ())
    keyed = [f"{word}.<name>" for word in ("parameters", "metadata", "metrics") if GROUPS[word] in prefixes]
    if noun == "run":
        keyed += ["steps.<step>.metadata.<name>", "steps.<step>.metrics.<name>", "artifacts.<artifact>.metadata.<name>"]
    return (*FIELDS[noun], *ALIASES[noun], *keyed)


def path_of(text: str) -> list[Name]:
    """The parts of a name without quotes."""
    return [Name(part) for part in text.split(".")]


def _under(prefix: str, rest: Sequence[Name], group: str) -> Field:
    if prefix == "metric" and len(rest) > 1 and not rest[-1].quoted and rest[-1].text in _MEASURES:
        prefix, rest = _MEASURES[rest[-1].text], rest[:-1]
    key = ".".join(part.text for part in rest)
    if not key:
        raise QueryInvalid(
            f"After {group!r} a name is missing, such as {group}.{'loss' if 'metric' in group else 'lr'}."
        )
    return Field(f"{prefix}:{key}", "fact")


def _within(group: str, rest: Sequence[Name]) -> Field:
    """What one step noted or measured, or what the run made of one artifact."""
    known = {"metadata": "metadata"} if group == "artifacts" else {"metadata": "metadata", "metrics": "metric"}
    if len(rest) < 2 or rest[1].text not in known:
        forms = " or ".join(f"{group}.<name>.{word}.<key>" for word in known)
        raise QueryInvalid(f"After {group!r} come a name and what is asked of it: {forms}.")
    prefix, _, key = _under(known[rest[1].text], rest[2:], rest[1].text).name.partition(":")
    return Field(about(f"{group.removesuffix('s')}.{prefix}", rest[0].text, key), "fact")


def _plural(noun: str) -> str:
    return {"version": "Artifact versions"}.get(noun, noun.capitalize() + "s")
