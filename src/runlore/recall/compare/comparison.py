"""Comparison: what is different between runs, as a value that shows itself as text, HTML and JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from runlore.errors import NotFound
from runlore.model.name import printable
from runlore.model.noun import noun
from runlore.model.suggest import did_you_mean


@noun
class Cell:
    """What one run has under a name."""

    #: As Python has it; ``None`` where the run has nothing of that name.
    value: Any = None
    #: In words, printable.
    text: str = "-"
    #: What decides whether two cells are the same; ``None`` where there is nothing.
    identity: str | None = None

    @property
    def absent(self) -> bool:
        """Whether the run has nothing of that name."""
        return self.identity is None


@noun
class Row:
    """What each run has under one name, in the order of the runs."""

    name: str
    cells: tuple[Cell, ...]
    #: Whether a difference counts; times differ always, and are only told.
    counts: bool = True

    @property
    def changed(self) -> bool:
        """Whether it is not the same in all runs, and that counts."""
        return self.counts and self.differs

    @property
    def differs(self) -> bool:
        """Whether it is not the same in all runs."""
        return len({cell.identity for cell in self.cells}) > 1

    @property
    def values(self) -> tuple[Any, ...]:
        """As Python has them; ``None`` where a run has nothing of that name."""
        return tuple(cell.value for cell in self.cells)


class Section(Mapping[str, Row]):
    """Rows of one kind, by name."""

    def __init__(self, title: str, rows: Sequence[Row]) -> None:
        self.title = title
        self._rows = {row.name: row for row in rows}

    @property
    def changed(self) -> tuple[Row, ...]:
        """Rows that are not the same in all runs."""
        return tuple(row for row in self._rows.values() if row.changed)

    def __getitem__(self, name: str) -> Row:
        if name not in self._rows:
            hint = did_you_mean(str(name), self._rows, nothing=" There is nothing in it.")
            raise NotFound(f"No run has {name!r} under {self.title!r}.{hint}")
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<{self.title}: {len(self.changed)} of {len(self)} differ>"


@noun
class CodeChange:
    """Source that a run has otherwise than the first one."""

    #: Pathspec of the run.
    run: str
    #: ``step train``, or ``file src/model.py``.
    where: str
    #: What of it: ``function train``, ``class Model``, ``constant RATE``; nothing for a file.
    what: str
    #: Unified, without a head.
    diff: str

    @property
    def added(self) -> int:
        """Lines that only this run has."""
        return sum(line.startswith("+") for line in self.diff.splitlines())

    @property
    def removed(self) -> int:
        """Lines that only the first run has."""
        return sum(line.startswith("-") for line in self.diff.splitlines())


@noun
class Curve:
    """A metric that was measured more than once, as each run measured it."""

    #: Step and metric: ``train.loss``.
    name: str
    #: Pathspec of the run, the values in the order of measuring, and what was counted by, such as the epoch.
    lines: tuple[tuple[str, tuple[float, ...], tuple[int | None, ...]], ...]


class Comparison:
    """What two or more runs have in common and what not. Printed, it shows what differs.

    Its sections are mappings of rows by name: `parameters`, `metrics`, `metadata`, `steps`, and so on.
    """

    def __init__(
        self,
        runs: Sequence[str],
        sections: Sequence[Section],
        code: Sequence[CodeChange],
        curves: Callable[[], Iterable[Curve]] = tuple,
    ) -> None:
        #: Pathspecs.
        self.runs = tuple(runs)
        self.sections = {section.title: section for section in sections}
        #: How sources differ from those of the first run.
        self.code = tuple(code)
        self._read_curves = curves

    @property
    def changed(self) -> bool:
        """Whether anything differs but names, times and how long it took."""
        return bool(self.code) or any(section.changed for section in self.sections.values())

    # -- sections ------------------------------------------------------------------------------------------------

    @property
    def facts(self) -> Section:
        """Status, failure, pipeline, user, commit; also when each began and how long it took, which does not count."""
        return self.sections["run"]

    @property
    def parameters(self) -> Section:
        """Arguments of the pipelines, and of steps as ``train.lr`` where these are literals."""
        return self.sections["parameters"]

    @property
    def metrics(self) -> Section:
        """The last value of each, and where there are several the least and the greatest."""
        return self.sections["metrics"]

    @property
    def curves(self) -> Iterator[Curve]:
        """Series of steps with more than one point, by name; read from the record when they are walked."""
        return iter(self._read_curves())

    @property
    def metadata(self) -> Section:
        """What was noted on the runs, and on steps as ``train.accuracy``."""
        return self.sections["metadata"]

    @property
    def steps(self) -> Section:
        """Statuses, by invocation id, with where a cached result came from."""
        return self.sections["steps"]

    @property
    def inputs(self) -> Section:
        """What steps took, as ``train.data``; the same if its content is."""
        return self.sections["inputs"]

    @property
    def outputs(self) -> Section:
        """What steps gave and saved, as ``train.model``; the same if its content is."""
        return self.sections["outputs"]

    @property
    def environment(self) -> Section:
        """Python, machine, host, user."""
        return self.sections["environment"]

    @property
    def packages(self) -> Section:
        """Versions of installed packages."""
        return self.sections["packages"]

    @property
    def config(self) -> Section:
        """Options and settings in force, of steps as ``train.enable_cache``."""
        return self.sections["config"]

    # -- how it shows itself -------------------------------------------------------------------------------------

    def to_text(self, *, everything: bool = False, code: bool = False, width: int = 80) -> str:
        """Side by side in so many columns: what differs, or ``everything``; with ``code``, also lines of sources."""
        from runlore.recall.compare.text import text_of  # one of several forms

        return text_of(self, everything=everything, code=code, width=width)

    def to_dict(self) -> dict[str, Any]:
        """All rows and differences of sources, as JSON can say them."""
        return {
            "runs": list(self.runs),
            "changed": self.changed,
            "sections": {
                title: [
                    {
                        "name": row.name,
                        "values": [_plain(value) for value in row.values],
                        "changed": row.changed,
                    }
                    for row in section.values()
                ]
                for title, section in self.sections.items()
            },
            "code": [{"run": one.run, "where": one.where, "what": one.what, "diff": one.diff} for one in self.code],
        }

    def _repr_html_(self) -> str:
        from runlore.recall.html.comparison import comparison_html  # what only notebooks need

        return comparison_html(self)

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        count = sum(len(section.changed) for section in self.sections.values()) + len(self.code)
        return f"<Comparison of {printable(', '.join(self.runs))}: {count or 'no'} difference{'s' * (count != 1)}>"


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return str(value)
