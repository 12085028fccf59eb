"""Lineage in SQL: what the walk of `runlore.record.lineage` asks, for many nodes in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from runlore.model.artifact import LookedUp, Version
from runlore.model.lineage import Flow, Key, Link, StepFacts, StepKey, VersionKey
from runlore.model.status import CODES
from runlore.record.lineage import COUNTED, Place, taken_link, taker_link
from runlore.record.sql import rows
from runlore.record.sql.connection import Connection
from runlore.record.sql.statements import load_statements
from runlore.record.sql.text import unpack

SQL = load_statements(Path(__file__).with_name("lineage.sql"))
#: Nodes that one statement asks for; SQLite takes 999 values at least.
_AT_ONCE = 200
_MOST = 2**63 - 1
#: In a number that stands for a step: bits of its index.
_BITS = 24


class SQLLinks:
    """Links over a connection. The caller makes every question see the same commits."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def _asked(self, name: str, wanted: Sequence[Any], *others: Any) -> Iterator[Any]:
        """Rows for all of ``wanted``: values, or tuples of as many values each."""
        for begin in range(0, len(wanted), _AT_ONCE):
            part = wanted[begin : begin + _AT_ONCE]
            if isinstance(part[0], tuple):
                one = f"({', '.join('?' * len(part[0]))})"
                values = [value for key in part for value in key]
            else:
                one = "(?)" if "(values {})" in SQL[name] else "?"
                values = list(part)
            yield from self._db.rows(SQL[name].format(", ".join([one] * len(part))), (*values, *others))

    # -- nodes ---------------------------------------------------------------------------------------------------

    def versions(self, seqs: Sequence[int]) -> Mapping[int, Version]:
        return {row[0]: rows.to_version(row) for row in self._asked("versions", seqs)}

    def seqs(self, ids: Sequence[UUID]) -> Mapping[UUID, int]:
        return {UUID(bytes=uid): seq for uid, seq in self._asked("seqs", [id.bytes for id in ids])}

    def steps(self, places: Sequence[Place]) -> Mapping[Place, StepFacts]:
        return {(row[0], row[1]): _step(row) for row in self._asked("steps", places)}

    def origins(self, places: Sequence[Place]) -> Mapping[Place, Sequence[Place]]:
        found: dict[Place, list[Place]] = {}
        for run, step, origin, index in self._asked("origins", places):
            found.setdefault((run, step), []).append((origin, index))
        return {place: sorted(some) for place, some in found.items()}

    def made_as(self, seqs: Sequence[int]) -> Mapping[int, tuple[Flow, str]]:
        return {seq: (_FLOWS[way], unpack(name)) for seq, way, name in self._asked("made_as", seqs)}

    # -- up ------------------------------------------------------------------------------------------------------

    def taken(self, keys: Sequence[StepKey]) -> Sequence[Link]:
        owned = _Owned(keys)
        found = [
            taken_link(owned.key(row), unpack(row[3]), row[4], row[5], row[6], some_whole=bool(row[7]))
            for row in self._asked("taken", owned.wanted)
        ]
        for row in self._asked("looked_up", owned.wanted):
            found.append(
                Link(source=VersionKey(row[5]), target=owned.key(row), flow=Flow.LOOKED_UP, name=_how(row[3], row[4]))
            )
        return owned.in_order(found, [link.target for link in found])

    # -- down ----------------------------------------------------------------------------------------------------

    def given(self, keys: Sequence[StepKey]) -> Sequence[Link]:
        owned = _Owned(keys)
        found = []
        for row in self._asked("given", owned.wanted):
            key, flow = owned.key(row), _FLOWS[row[3]]
            element = key.item if flow is Flow.OUTPUT else None
            found.append(Link(source=key, target=VersionKey(row[5], element), flow=flow, name=unpack(row[4])))
        return owned.in_order(found, [link.source for link in found])

    def takers(
        self, keys: Sequence[VersionKey], most: int | None
    ) -> tuple[Sequence[Link], Mapping[VersionKey, tuple[int, bool]]]:
        places, more = self._places(list(dict.fromkeys(key.seq for key in keys)), most)
        taken = [(key.seq, *place, key.element) for key in keys for place in places[key.seq]]
        found: dict[tuple[VersionKey, Place], list[Link]] = {}
        mapped = {
            place for place, step in self.steps(list(dict.fromkeys(one[1:3] for one in taken))).items() if step.tasks
        }
        for version, run, step, element, name, low, high, whole, first, last in self._asked("taken_by", taken):
            key, place = VersionKey(version, element), (run, step)
            only = first if place in mapped and first == last and first >= 0 else None
            link = taker_link(key, place, only, unpack(name), low, high, some_whole=bool(whole))
            found.setdefault((key, place), []).append(link)
        asked = list(dict.fromkeys(one[:3] for one in taken))
        for version, run, step, artifact, label, first, last in self._asked("asked_by", asked):
            item = first if (run, step) in mapped and first == last else None
            for key in (key for key in keys if key.seq == version):
                target = StepKey(run, step, item)
                link = Link(source=key, target=target, flow=Flow.LOOKED_UP, name=_how(artifact, label))
                found.setdefault((key, (run, step)), []).append(link)
        links = [link for key in keys for place in places[key.seq] for link in found.get((key, place), ())]
        return links, {key: more[key.seq] for key in keys if key.seq in more}

    def _places(
        self, seqs: Sequence[int], most: int | None
    ) -> tuple[dict[int, list[Place]], dict[int, tuple[int, bool]]]:
        """Steps that took each version, newest first; and how many there are where that is more than ``most``."""
        found: dict[int, set[int]] = {seq: set() for seq in seqs}
        for name in ("takers", "askers"):
            for version, place in self._asked(name, seqs, _MOST if most is None else most + 1):
                found[version].add(place)
        cut = [seq for seq, places in found.items() if most is not None and len(places) > most]
        more = {
            seq: (min(count, COUNTED), count <= COUNTED)
            for seq, count in self._asked("count_takers", cut, COUNTED + 1, COUNTED + 1)
        }
        ordered = {
            seq: [(place >> _BITS, place & ((1 << _BITS) - 1)) for place in sorted(places, reverse=True)[:most]]
            for seq, places in found.items()
        }
        return ordered, more

    def copies(self, ids: Sequence[UUID]) -> Sequence[tuple[UUID, int]]:
        return [(UUID(bytes=uid), seq) for uid, seq in self._asked("copies", [id.bytes for id in ids])]

    def lead_on(self, keys: Sequence[VersionKey]) -> Iterable[VersionKey]:
        found = {row[0] for row in self._asked("lead_on", list(dict.fromkeys(key.seq for key in keys)))}
        return [key for key in keys if key.seq in found]


_FLOWS = {0: Flow.INPUT, 1: Flow.OUTPUT, 2: Flow.SAVED}


class _Owned:
    """Steps and tasks as the statements want them: run, step, first and last task."""

    def __init__(self, keys: Sequence[StepKey]) -> None:
        self._keys = keys
        self._found = {_wanted(key)[:3]: key for key in keys}
        self.wanted = [_wanted(key) for key in keys]

    def key(self, row: Sequence[Any]) -> StepKey:
        return self._found[row[0], row[1], row[2]]

    def in_order(self, links: Sequence[Link], owners: Sequence[Key]) -> Sequence[Link]:
        """By owner, in the order in which they were asked for."""
        by_owner: dict[Key, list[Link]] = {key: [] for key in self._keys}
        for link, owner in zip(links, owners, strict=True):
            by_owner[owner].append(link)
        return [link for some in by_owner.values() for link in some]


def _wanted(key: StepKey) -> tuple[int, int, int, int]:
    return (key.run, key.index, -1, _MOST) if key.item is None else (key.run, key.index, key.item, key.item)


def _step(row: Any) -> StepFacts:
    return StepFacts(
        key=StepKey(row[0], row[1]),
        name=row[2],
        pipeline=row[3],
        number=row[4],
        run=row[5],
        status=CODES[row[6]],
        duration=row[7],
        tasks=row[8],
    )


def _how(artifact: Any, asked: Any) -> str:
    return LookedUp(artifact=unpack(artifact), asked=None if asked is None else unpack(asked)).name
