"""World: what a record should know, in lists of dictionaries, and what any question about it should answer.

Nothing here is shared with the records: values are compared as Python compares them, one thing after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from runlore.model.query import FIELDS, AllOf, AnyOf, Condition, Filter, Not, Operator, Query, keyed_parts
from runlore.model.status import Status

Thing = dict[str, Any]

#: Fields with any number of values, of which having none is nothing special: no tag is none of those unwanted.
LABELS = ("tag", "alias")
#: What the steps of every run are called.
STEP_NAMES = ("first", "second")


class World:
    """Pipelines, runs, artifacts and versions, each a dictionary of its fields, in the order of creation."""

    def __init__(self) -> None:
        self.things: dict[str, list[Thing]] = {"pipeline": [], "run": [], "artifact": [], "version": []}
        #: Alias → version, by artifact.
        self.aliases: dict[str, dict[str, Thing]] = {}

    @property
    def runs(self) -> list[Thing]:
        return self.things["run"]

    @property
    def versions(self) -> list[Thing]:
        return self.things["version"]

    def named(self, noun: str, name: str) -> Thing | None:
        return next((thing for thing in self.things[noun] if thing["name"] == name), None)

    # -- history -------------------------------------------------------------------------------------------------

    def begin(self, pipeline: str, fingerprint: bytes, created: datetime, **given: Any) -> Thing:
        """A run begins."""
        home = self.named("pipeline", pipeline)
        if home is None:
            home = {"name": pipeline, "created": created, "tag": {}, "last": 0, "version": 1, "code": fingerprint}
            self.things["pipeline"].append(home)
        home["version"] += home["code"] != fingerprint
        home["code"] = fingerprint
        home["last"] += 1
        tags = dict.fromkeys(given.pop("tags"), False) | dict.fromkeys(given.pop("system_tags"), True)
        run = {
            "pipeline": pipeline,
            "pipeline_version": home["version"],
            "number": home["last"],
            "created": created,
            "status": Status.RUNNING,
            "ended": None,
            "duration": None,
            "tag": tags,
            "names": [],
            "parameters": given.pop("parameters"),
            "noted": {},
            "own keys": [],
            "measured": {},
            "series": {},
            **given,
        }
        self.runs.append(run)
        return run

    def note(self, thing: Thing, step: int | None, key: str, value: Any) -> None:
        """Metadata is written: on a run or version itself (``step`` is None), or on a step of the run."""
        noted: dict[tuple[int | None, str], Any] = thing["noted"]
        for owner, name in list(noted):
            if owner == step and _within(name, key):
                del noted[owner, name]
        noted |= {(step, name): one for name, one in flat(key, value)}
        if step is None:
            thing["own keys"].append(key)

    def measure(self, run: Thing, step: int | None, name: str, values: list[float]) -> None:
        """Points are added to a series, and summed up."""
        series = run["series"].setdefault((step, name), [])
        series += values
        numbers = [value for value in series if not math.isnan(value)] or [math.nan]
        run["measured"][step, name] = {
            "metric": series[-1],
            "metric.min": min(numbers),
            "metric.max": max(numbers),
            "metric.count": len(series),
        }

    def take_over(self, run: Thing, step: int, origin: Thing, origin_step: int) -> None:
        """A step ends with the result of another: what is found with that one is found with this one."""
        told = [(key, origin["noted"][owner, key]) for owner, key in origin["noted"] if owner == origin_step]
        run["noted"] |= {(step, key): value for key, value in told if not _hidden(origin, key)}
        sums = [(name, sums) for (owner, name), sums in origin["measured"].items() if owner == origin_step]
        run["measured"] |= {(step, name): sums for name, sums in sums if (None, name) not in origin["measured"]}

    def make(self, artifact: str, wanted: str | None, created: datetime, **given: Any) -> Thing | None:
        """A version is made; ``None`` if its label is taken."""
        home = self.named("artifact", artifact)
        if home is None:
            home = {"name": artifact, "created": created, "tag": {}, "last": 0}
        if wanted is None:
            wanted = str(home["last"] + 1)
        elif wanted in self.aliases.get(artifact, {}) or any(
            one["version"] == wanted for one in self.versions if one["artifact"] == artifact
        ):
            return None
        if home not in self.things["artifact"]:
            self.things["artifact"].append(home)
        if wanted.isdigit():
            home["last"] = max(home["last"], int(wanted))
        version = {
            "artifact": artifact,
            "version": wanted,
            "created": created,
            "deleted": False,
            "noted": {},
            "own keys": [],
            "run": None,
            **given,
        }
        self.versions.append(version)
        return version

    def unused(self) -> list[Thing]:
        """Versions that no run and no alias names."""
        used = [id(version) for run in self.runs for version in run["names"]]
        used += [id(version) for held in self.aliases.values() for version in held.values()]
        return [version for version in self.versions if id(version) not in used]

    # -- questions -----------------------------------------------------------------------------------------------

    def values(self, noun: str, thing: Thing, field: str) -> list[Any]:
        """All values of a field of a thing."""
        if ":" in field:
            return self._keyed(thing, *keyed_parts(field))
        if field == "alias":
            return [name for name, held in self.aliases.get(thing["artifact"], {}).items() if held is thing]
        if field == "tag":
            return list(thing["tag"])
        return [] if thing[field] is None else [thing[field]]

    def _keyed(self, thing: Thing, prefix: str, about: str | None, key: str) -> list[Any]:
        """Those in force, in the order of the steps that told them, or of what was made."""
        if prefix == "parameter":
            return [value for name, value in thing["parameters"] if name == key]
        if prefix == "artifact.metadata":
            made = [one for one in self.versions if one["artifact"] == about and one["run"] == thing["seq"]]
            return [value for one in made for value in self._keyed(one, "metadata", None, key)]
        kind = prefix.removeprefix("step.")
        if kind == "metadata":
            found = {step: value for (step, name), value in thing["noted"].items() if name == key}
            hidden = _hidden(thing, key)
        else:
            found = {step: sums[kind] for (step, name), sums in thing["measured"].items() if name == key}
            hidden = None in found
        told = [found[step] for step in sorted(found, key=_place) if (step is None) is hidden]
        if about is None:
            return told
        steps = [] if hidden else [step for step in found if step is not None and STEP_NAMES[step] == about]
        return [found[step] for step in steps]

    def answer(self, query: Query) -> list[Thing]:
        """All that a question finds, in order."""
        things = self.things[query.noun]
        if query.noun == "artifact":
            there = [version["artifact"] for version in self.versions]
            things = [thing for thing in things if thing["name"] in there]
        found = [thing for thing in things if self._meets_all(query.noun, thing, query.conditions)]
        if query.descending:
            found.reverse()
        if query.order is None:
            return found
        known = [(self._sorted_by(query.noun, thing, query.order), thing) for thing in found]
        valued = [(rank, thing) for rank, thing in known if rank is not None]
        missing = [thing for rank, thing in known if rank is None]
        # things with one and the same value stay in the order of creation, or in that backwards
        valued.sort(key=lambda entry: entry[0], reverse=query.descending)
        ordered = [thing for _, thing in valued]
        return [*missing, *ordered] if query.missing_first else [*ordered, *missing]

    def _sorted_by(self, noun: str, thing: Thing, field: str) -> tuple[bool, Any] | None:
        """Numbers before texts; of several values that of the last step; ``None``: there is nothing to sort by."""
        values = self.values(noun, thing, field)
        if not values or values[-1] != values[-1]:
            return None
        return isinstance(values[-1], str) and not isinstance(values[-1], Status), ranked(values[-1])

    def _meets_all(self, noun: str, thing: Thing, parts: Iterable[Filter]) -> bool:
        """All parts hold; several ranges over one field are met by one and the same value."""
        ranges: dict[str, list[Condition]] = {}
        for part in _flat_parts(parts):
            if isinstance(part, Condition) and part.operator in _RANGES and part.field not in LABELS:
                ranges.setdefault(part.field, []).append(part)
            elif not self._meets(noun, thing, part):
                return False
        return all(
            any(all(compares(one.operator, value, one.operand) for one in several) for value in values)
            for field, several in ranges.items()
            for values in [self.values(noun, thing, field)]
        )

    def _meets(self, noun: str, thing: Thing, part: Filter) -> bool:
        if isinstance(part, Condition):
            return self.holds(noun, thing, part)
        if isinstance(part, Not):
            return not self._meets_all(noun, thing, [part.part])
        if isinstance(part, AnyOf):
            return any(self._meets_all(noun, thing, [one]) for one in part.parts)
        return self._meets_all(noun, thing, part.parts)

    def holds(self, noun: str, thing: Thing, condition: Condition) -> bool:
        """Whether a thing meets one condition."""
        values = self.values(noun, thing, condition.field)
        operator, operand = condition.operator, condition.operand
        if operator is Operator.NULL:
            return (not values) is operand
        if operator in _NEGATIVE:
            nothing = bool(values) or operator is Operator.NE or condition.field in LABELS
            return nothing and not any(compares(_NEGATIVE[operator], value, operand) for value in values)
        if operator is Operator.STARTSWITH and FIELDS[noun].get(condition.field) == "uuid":
            return any(value.hex.startswith(str(operand).replace("-", "").lower()) for value in values)
        return any(compares(operator, value, operand) for value in values)


_NEGATIVE = {Operator.NE: Operator.EQ, Operator.NOT_IN: Operator.IN, Operator.NOT_CONTAINS: Operator.CONTAINS}
_RANGES = (Operator.LT, Operator.LE, Operator.GT, Operator.GE)


_COMPARED: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQ: lambda value, operand: value == operand,
    Operator.LT: lambda value, operand: value < operand,
    Operator.LE: lambda value, operand: value <= operand,
    Operator.GT: lambda value, operand: value > operand,
    Operator.GE: lambda value, operand: value >= operand,
    Operator.CONTAINS: lambda value, operand: operand in value,
    Operator.STARTSWITH: lambda value, operand: value.startswith(operand),
    Operator.ENDSWITH: lambda value, operand: value.endswith(operand),
}


def _flat_parts(parts: Iterable[Filter]) -> Iterable[Filter]:
    for part in parts:
        if isinstance(part, AllOf):
            yield from _flat_parts(part.parts)
        else:
            yield part


def compares(operator: Operator, value: Any, operand: Any) -> bool:
    """A positive operator between two values. Texts and numbers have nothing in common, and NaN none with itself."""
    if operator is Operator.IN:
        return any(compares(Operator.EQ, value, one) for one in operand)
    if isinstance(value, UUID) and isinstance(operand, str):
        operand = UUID(operand)
    if isinstance(value, Status):
        operand = Status(operand)
    elif isinstance(value, str) is not isinstance(operand, str):
        return False
    value, operand = ranked(value), ranked(operand)
    return bool(_COMPARED[operator](value, operand))


def ranked(value: Any) -> Any:
    """What a value is compared and sorted as: a status by its place, whole numbers beyond 64 bits as floats."""
    if isinstance(value, Status):
        return list(Status).index(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    return value


def flat(key: str, value: Any) -> Iterable[tuple[str, Any]]:
    """The plain values within a value, by dotted key; NaN for one that compares with nothing, such as a list."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from flat(f"{key}.{name}", one)
    elif value is not None:
        yield key, value if isinstance(value, (int, float, str)) else math.nan


def _place(step: int | None) -> int:
    return -1 if step is None else step


def _within(key: str, group: str) -> bool:
    return key == group or key.startswith(group + ".")


def _hidden(run: Thing, key: str) -> bool:
    """Whether what a step noted is hidden by what the run itself did."""
    return any(_within(key, own) for own in run["own keys"])
