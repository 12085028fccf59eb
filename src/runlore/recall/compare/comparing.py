"""Comparing: reads from the record what a `Comparison` of runs tells. No value is loaded."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runlore.author.reads import note_read
from runlore.errors import NotFound, QueryInvalid
from runlore.model.lineage import Direction, Flow, Link, StepKey, VersionFacts
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.name import printable
from runlore.model.run import Step as StepNoun
from runlore.model.status import Status
from runlore.model.units import shown_seconds, shown_size
from runlore.plan.cache_key import NO_RESULT
from runlore.plan.difference import StepFacts, differences, parts_of
from runlore.recall.compare.comparison import Cell, CodeChange, Comparison, Curve, Row, Section
from runlore.recall.config import parameter_texts, shown_value

if TYPE_CHECKING:
    from runlore.recall.metric import Metric
    from runlore.recall.run import Run

#: Key that tells a typed value from a dict (`docs/design/codec.md`).
_TAG = "~"
_ABSENT = Cell()
Cells = dict[str, Cell]


def compare(runs: Sequence[Run]) -> Comparison:
    """What is different between ``runs``, the first of which the sources of the others are compared with.

    Raises `QueryInvalid` for fewer than two.
    """
    if len(runs) < 2:
        raise QueryInvalid(f"A comparison is of two or more runs, not of {len(runs)}.")
    for run in runs:
        note_read(f"run {run.pathspec}")
    sides = [_Side(run) for run in runs]
    sections = [
        Section(
            "run", [*_rows([side.facts() for side in sides]), *_rows([side.times() for side in sides], counts=False)]
        ),
        *(Section(title, _rows([read(side) for side in sides])) for title, read in _SECTIONS.items()),
    ]
    code = [change for side in sides[1:] for change in _code(sides[0], side)]
    return Comparison([run.pathspec for run in runs], sections, code, curves=lambda: _curves(sides))


class _Side:
    """One of the runs, with what is read of it once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.noun = run._whole()
        self.record = run._record
        self.steps: dict[str, StepNoun] = {step.name: step for step in self.record.steps(run.seq)}
        self._bodies: dict[int, str] = {}

    # -- what each has under a name ------------------------------------------------------------------------------

    def facts(self) -> Cells:
        noun, failure = self.noun, self.run.failure
        trigger = None if noun.trigger is None else shown_value(noun.trigger)
        git = json.loads(noun.config).get("git")
        git = git if isinstance(git, dict) else {}
        told = {
            "status": str(self.run.status),
            "failure": None if failure is None else failure.said,
            "pipeline": noun.pipeline,
            "pipeline version": noun.pipeline_version,
            "note": self.run.note,
            "tags": ", ".join(self.run.tags) or None,
            "user": noun.user,
            "git commit": noun.git_commit,
            "git branch": git.get("branch"),
            "git dirty": git.get("dirty"),
            "trigger": trigger,
        }
        return {name: _cell(value) for name, value in told.items() if value is not None}

    def times(self) -> Cells:
        created, took = self.noun.created, self.run.duration
        return {
            "created": Cell(value=created, text=f"{created:%Y-%m-%d %H:%M:%S}", identity=created.isoformat()),
            "duration": Cell(value=took, text=shown_seconds(took) or "-", identity=repr(took)),
        }

    def parameters(self) -> Cells:
        found = _texts(self.noun.parameters)
        for name, step in self.steps.items():
            found.update((f"{name}.{key}", cell) for key, cell in _texts(step.parameters).items())
        return found

    def measured(self) -> dict[str, Any]:
        """Metrics of the run and its steps, as the record sums them up; of some mapped steps only the points can."""
        names = self._names
        found: dict[str, Any] = {
            one.name if one.step is None else f"{names[one.step]}.{one.name}": one
            for one in self.record.metrics(self.run.seq)
        }
        for name, step in self.steps.items():
            if step.tasks is not None and step.origin is None:
                found.update((f"{name}.{key}", one) for key, one in self.run.steps[name].metrics.items())
        return found

    def metrics(self) -> Cells:
        found = {}
        for name, metric in self.measured().items():
            found[name] = _cell(metric.last)
            if metric.count > 1:
                found[f"{name} (min)"], found[f"{name} (max)"] = _cell(metric.min), _cell(metric.max)
        return found

    def series(self) -> dict[str, Metric]:
        """Handles of the metrics of steps that have more than one point."""
        return {
            f"{name}.{key}": metric
            for name in self.steps
            for key, metric in self.run.steps[name].metrics.items()
            if metric.count > 1
        }

    def metadata(self) -> Cells:
        found = self._noted(Owner(kind=OwnerKind.RUN, seq=self.run.seq), "")
        for name, step in self.steps.items():
            owner = Owner(kind=OwnerKind.STEP, seq=self.run.seq, step=step.index)
            found.update(self._noted(owner, f"{name}."))
        return found

    def _noted(self, owner: Owner, prefix: str) -> Cells:
        return {prefix + entry.key: _typed(json.loads(entry.value)) for entry in self.record.metadata(owner)}

    def step_cells(self) -> Cells:
        handles = self.run.steps if any(step.status is Status.CACHED for step in self.steps.values()) else {}
        return {name: _step_cell(step, handles.get(name)) for name, step in self.steps.items()}

    def inputs(self) -> Cells:
        """All in a few statements, whatever the number of steps."""
        return _version_cells(
            (f"{self._names[link.target.index]}.{link.name}", version)
            for link, version in self._linked(self._keys, Direction.UP)
            if isinstance(link.target, StepKey)
        )

    def outputs(self) -> Cells:
        found = [
            (f"{self._names[link.source.index]}.{link.name}", version)
            for link, version in self._linked(self._keys, Direction.DOWN)
            if isinstance(link.source, StepKey)
        ]
        for name, step in self.steps.items():
            if step.origin is not None:  # what the origin saved by hand is this step's as well
                saved = self._linked([StepKey(*step.origin)], Direction.DOWN)
                found += [(f"{name}.{link.name}", version) for link, version in saved if link.flow is Flow.SAVED]
        return _version_cells(found)

    @property
    def _names(self) -> dict[int, str]:
        return {step.index: name for name, step in self.steps.items()}

    @property
    def _keys(self) -> list[StepKey]:
        return [StepKey(self.run.seq, step.index) for step in self.steps.values()]

    def _linked(self, start: Sequence[StepKey], direction: Direction) -> Iterator[tuple[Link, VersionFacts]]:
        """Versions next to steps; nothing for steps that were deleted."""
        try:
            traced = self.record.lineage(start, direction, depth=0)
        except NotFound:
            return
        nodes = {node.key: node for node in traced.nodes}
        for link in traced.links:
            node = nodes[link.source if direction is Direction.UP else link.target]
            if isinstance(node, VersionFacts):
                yield link, node

    def environment(self) -> Cells:
        told = dict(self.run.environment)
        told.pop("packages", None)
        told.pop("form", None)
        return {name: _cell(value) for name, value in told.items() if value is not None}

    def packages(self) -> Cells:
        return {name: _cell(version) for name, version in (self.run.environment.get("packages") or {}).items()}

    def config(self) -> Cells:
        found = _flat(json.loads(self.noun.config), skip=("git",))
        for name, step in self.steps.items():
            found.update((f"{name}.{key}", cell) for key, cell in _flat(json.loads(step.config)).items())
        return found

    # -- sources -------------------------------------------------------------------------------------------------

    def parts(self, step: str) -> Any:
        definition = self.steps[step].definition
        if definition not in self._bodies:
            self._bodies[definition] = self.record.definition(definition).body
        return parts_of(self._bodies[definition])


_SECTIONS: Mapping[str, Callable[[_Side], Cells]] = {
    "parameters": _Side.parameters,
    "metrics": _Side.metrics,
    "metadata": _Side.metadata,
    "steps": _Side.step_cells,
    "inputs": _Side.inputs,
    "outputs": _Side.outputs,
    "config": _Side.config,
    "environment": _Side.environment,
    "packages": _Side.packages,
}


def _rows(sides: Sequence[Cells], *, counts: bool = True) -> list[Row]:
    """A row for each name, in the order of the first run, then of the next ones."""
    names = dict.fromkeys(name for side in sides for name in side)
    cells = {name: [side.get(name, _ABSENT) for side in sides] for name in names}
    return [
        Row(name=name, cells=_told_apart(some) if counts else tuple(some), counts=counts)
        for name, some in cells.items()
    ]


def _told_apart(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Cells that are not the same do not look the same: ``1`` and ``1.0`` and ``"1"`` tell their types."""
    by_text: dict[str, set[str | None]] = {}
    for cell in cells:
        by_text.setdefault(cell.text, set()).add(cell.identity)
    return tuple(
        Cell(
            value=cell.value,
            text=f"{printable(repr(cell.value))} ({type(cell.value).__name__})",
            identity=cell.identity,
        )
        if len(by_text[cell.text]) > 1 and not cell.absent
        else cell
        for cell in cells
    )


def _curves(sides: Sequence[_Side]) -> Iterator[Curve]:
    series = [side.series() for side in sides]
    for name in dict.fromkeys(name for some in series for name in some):
        lines = []
        for side, some in zip(sides, series, strict=True):
            try:
                if name in some:
                    lines.append((side.run.pathspec, tuple(some[name].values), tuple(some[name].steps)))
            except NotFound:  # the run that measured it was deleted
                continue
        yield Curve(name=name, lines=tuple(lines))


# -- cells -------------------------------------------------------------------------------------------------------------


def _cell(value: Any) -> Cell:
    """A cell of a plain value."""
    text = value if isinstance(value, str) else repr(value)
    return Cell(value=value, text=printable(text), identity=f"{type(value).__name__} {value!r}")


def _typed(parsed: Any) -> Cell:
    """A cell of parsed typed JSON, which is its identity: exact, and never what ``==`` thinks."""
    identity = json.dumps(parsed, sort_keys=True, ensure_ascii=False)
    value = shown_value(identity)
    return Cell(value=value, text=printable(value if isinstance(value, str) else repr(value)), identity=identity)


def _texts(parameters: str) -> Cells:
    return {name: _typed(json.loads(text)) for name, text in parameter_texts(parameters).items()}


def _flat(options: Any, prefix: str = "", skip: Iterable[str] = ()) -> Cells:
    """Options by dotted name; what is ``null`` is not there."""
    found: Cells = {}
    for name, value in options.items():
        if isinstance(value, dict) and _TAG not in value:
            if name not in skip:
                found.update(_flat(value, f"{prefix}{name}."))
        elif value is not None and name not in skip:
            found[prefix + name] = _typed(value)
    return found


def _step_cell(step: StepNoun, handle: Any) -> Cell:
    origins = handle.origin_pathspecs() if step.status is Status.CACHED and handle is not None else ()
    told = [str(step.status)]
    if step.status is Status.CACHED:
        # the step of another run is mostly called the same
        told[0] += f" from {', '.join(one.removesuffix(f'/{step.name}') for one in origins) or 'a deleted run'}"
    if step.tasks is not None:
        told.append(f"{step.tasks} tasks")
    if step.duration is not None and step.status is not Status.CACHED:
        told.append(shown_seconds(step.duration) or "")
    note = step.cache_note if step.status is not Status.CACHED and step.cache_note != NO_RESULT else None
    value = {
        "status": str(step.status),
        "duration": step.duration,
        "cache_note": step.cache_note,
        "origins": list(origins),
        "tasks": step.tasks,
    }
    text = ", ".join(told) + (f" (cache: {note})" if note else "")
    return Cell(value=value, text=printable(text), identity=f"{step.status} {step.tasks}")


def _version_cells(named: Iterable[tuple[str, VersionFacts]]) -> Cells:
    """A cell for each name; of several versions under one name, numbered."""
    found: dict[str, list[Cell]] = {}
    for name, node in named:
        found.setdefault(name, []).append(_version_cell(node))
    return {
        name if len(cells) == 1 else f"{name}[{number}]": cell
        for name, cells in found.items()
        for number, cell in enumerate(cells)
    }


def _version_cell(node: VersionFacts) -> Cell:
    content = node.version.content
    facts = shown_value(content.meta)
    shape = facts.get("shape") if isinstance(facts, dict) else None
    kind = content.type.rpartition(".")[2]
    beside = "" if shape is None else f" {'×'.join(map(str, shape))}" if isinstance(shape, (list, tuple)) else ""
    value = {
        "artifact": node.pathspec,
        "digest": content.digest,
        "type": content.type,
        "size": content.size,
        "facts": facts,
        "deleted": node.deleted,
    }
    digest = content.digest.partition(":")[2][:8]
    name = node.pathspec.removeprefix("artifact:")
    return Cell(
        value=value,
        text=printable(f"{name} {kind}{beside}, {shown_size(content.size)}, {digest}"),
        identity=content.digest + ("" if node.key.element is None else f"[{node.key.element}]"),
    )


# -- sources -----------------------------------------------------------------------------------------------------------


def _code(old: _Side, new: _Side) -> Iterator[CodeChange]:
    """How the sources of ``new`` differ from those of ``old``: of the steps that both have, then of the files."""
    where = new.run.pathspec
    for step in old.steps:
        if step in new.steps and not _same_definition(old, new, step):
            for one in differences(StepFacts(parts=old.parts(step)), StepFacts(parts=new.parts(step))):
                if one.kind == "code":
                    yield CodeChange(
                        run=where, where=f"step {step}", what=f"{one.part} {one.name}", diff=_body(one.diff)
                    )
    before, after = old.run.code, new.run.code
    digests = before.digests, after.digests
    for path in dict.fromkeys((*before, *after)):
        if digests[0].get(path) != digests[1].get(path):
            texts = before.get(path, ""), after.get(path, "")
            lines = difflib.unified_diff(texts[0].splitlines(), texts[1].splitlines(), lineterm="")
            yield CodeChange(run=where, where=f"file {path}", what="", diff=_body("\n".join(lines)))


def _same_definition(old: _Side, new: _Side, step: str) -> bool:
    return old.record is new.record and old.steps[step].definition == new.steps[step].definition


def _body(diff: str) -> str:
    """A unified diff without its head."""
    lines = diff.splitlines()
    return "\n".join(lines[2:] if lines[:1] and lines[0].startswith("---") else lines)
