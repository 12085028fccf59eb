"""Query: one question to the record, as a value. Stores answer it, doors build it."""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeVar

from runlore.model.noun import noun

Noun = TypeVar("Noun", covariant=True)


class Operator(StrEnum):
    """How a field is compared. A missing value matches only `NULL` and `NE`."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTSWITH = "startswith"
    ENDSWITH = "endswith"
    #: Has no value (operand true) or has one (operand false).
    NULL = "null"


@noun(kw_only=False)
class Condition:
    """One comparison. ``field`` is a name of `FIELDS`, or one of `KEYED`, such as
    ``parameter:<name>`` or ``metadata:<key>``.

    The operand is a Python value of the field's kind: str, int, float, bool, datetime, `Status`; for `IN`, a tuple.
    """

    field: str
    operator: Operator
    operand: object


@noun(kw_only=False)
class AllOf:
    """Every part must hold; without parts, that is so. Ranges over one field are met by one and the same value."""

    parts: tuple[Filter, ...]


@noun(kw_only=False)
class AnyOf:
    """One part must hold; without parts, none does."""

    parts: tuple[Filter, ...]


@noun(kw_only=False)
class Not:
    """The part must not hold: whatever it finds is left out, and everything else is found."""

    part: Filter


#: What is asked of a noun: a comparison, or several put together.
Filter = Condition | AllOf | AnyOf | Not


#: Fields of which a noun may have several values, so that nothing is sorted by them.
SEVERAL = ("tag", "alias")
#: What can be asked about each noun: field → kind of operand. ``tag`` may stand in several conditions.
FIELDS: dict[str, dict[str, str]] = {
    "pipeline": {"name": "text", "id": "int", "created": "time", "tag": "text"},
    "run": {
        "id": "uuid",
        "seq": "int",
        "name": "text",
        "number": "int",
        "pipeline": "text",
        "pipeline_version": "int",
        "status": "status",
        "created": "time",
        "ended": "time",
        "duration": "float",
        "user": "text",
        "host": "text",
        "git_commit": "text",
        "origin": "uuid",
        "tag": "text",
    },
    "artifact": {"name": "text", "id": "int", "created": "time", "tag": "text"},
    "version": {
        "id": "uuid",
        "seq": "int",
        "artifact": "text",
        "version": "text",
        "created": "time",
        "save_type": "text",
        "type": "text",
        "materializer": "text",
        "artifact_type": "text",
        "digest": "text",
        "size": "int",
        "run": "int",
        "deleted": "bool",
        "tag": "text",
        "alias": "text",
    },
}
#: Prefixes of each noun's fields that are named by a key. ``metric:loss`` is the last value, ``metric.min:loss`` and
#: ``metric.max:loss`` are the best ones, ``metric.count:loss`` says how many there are. A run has the metadata and
#: metrics of its steps as well, unless it has its own under that key; then several values may stand under one key, of
#: which a condition asks that any meets it, and a negative one that none does. ``step.…`` is about what one step noted
#: or measured, and ``artifact.metadata`` about what a run made of one artifact: see `about`.
KEYED: dict[str, tuple[str, ...]] = {
    "run": (
        "parameter",
        "metadata",
        "metric",
        "metric.min",
        "metric.max",
        "metric.count",
        "step.metadata",
        "step.metric",
        "step.metric.min",
        "step.metric.max",
        "step.metric.count",
        "artifact.metadata",
    ),
    "version": ("metadata",),
}


#: Stands between the name of a step or artifact and the key, since no name holds it.
_BETWEEN = "\0"


def about(prefix: str, name: str, key: str) -> str:
    """The field that is about one step or artifact, such as ``("step.metadata", "train", "accuracy")``."""
    return f"{prefix}:{name}{_BETWEEN}{key}"


def keyed_parts(field: str) -> tuple[str, str | None, str]:
    """Prefix, step or artifact if there is one, and key of a field that is named by a key."""
    prefix, _, key = field.partition(":")
    if not prefix.startswith(("step.", "artifact.")):
        return prefix, None, key
    name, _, key = key.partition(_BETWEEN)
    return prefix, name, key


@noun
class Query:
    """Which nouns, in which order, from where, and how many at most.

    Without ``order`` the answer comes in the order of creation, newest first. Ties are broken by sequence. A noun
    without a value in the field that it is sorted by comes last, whatever the direction. Of several values under one
    key (`KEYED`), that of the last step in declared order counts; numbers come before texts.
    """

    #: ``pipeline``, ``run``, ``artifact`` or ``version``.
    noun: str
    #: All must hold, as in `AllOf`.
    conditions: tuple[Filter, ...] = ()
    #: A field of the noun, also one named by a key; ``seq`` (or ``id`` where that is the sequence) is the order of
    #: creation.
    order: str | None = None
    descending: bool = True
    #: Nouns without a value come first, which with ``descending`` the other way round is the same list backwards.
    missing_first: bool = False
    #: Where the page before ended; see `Page.cursor`.
    after: str | None = None
    limit: int = 50


@noun
class Page(Generic[Noun]):
    """Some of the answers, and where the next ones begin."""

    items: tuple[Noun, ...]
    #: Pass as `Query.after` to go on; ``None`` at the end.
    cursor: str | None
