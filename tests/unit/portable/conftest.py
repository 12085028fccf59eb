"""A run with everything in it, and workspaces to export it from and import it into."""

from __future__ import annotations

import itertools
import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

from runlore import log_metadata, log_metric, pipeline, register_artifact, save_artifact, step
from runlore.author import current
from runlore.recall.run import Run
from runlore.recall.version import ArtifactVersion
from runlore.record.memory import MemoryRecord
from runlore.record.ownership import Ownership
from runlore.record.port import Record
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.settings import Settings
from runlore.workspace import Workspace

Make = Callable[[str], Workspace]


@pytest.fixture(params=["sqlite", "memory"])
def target_kind(request: pytest.FixtureRequest) -> str:
    """What an import is tried on."""
    return str(request.param)


@pytest.fixture
def workspace_at(tmp_path: Path) -> Make:
    """Make a workspace of its own, with a key of its own, on a record of a kind: ``sqlite`` or ``memory``."""
    numbers = itertools.count()
    return lambda kind: workspace_in(tmp_path / f"home{next(numbers)}", kind)


def workspace_in(home: Path, kind: str) -> Workspace:
    """A workspace in a folder, which may hold one."""
    home.mkdir(exist_ok=True)
    record: Record = MemoryRecord() if kind == "memory" else SQLiteRecord(home / "record.db", durability="relaxed")
    settings = Settings(home=home, user_folder=home / "user", durability="relaxed", progress="quiet")
    return Workspace(settings, record, Ownership(home / "leases"))


@step
def load(n: int) -> Annotated[list[int], "numbers"]:
    """Numbers, and words on every stream."""
    print("loading\t", n, "\x1b[31mred\x1b[0m", "é")
    print("careful", file=sys.stderr)
    logging.getLogger("story").warning("two\nlines")
    log_metadata({"rows": n, "group": {"a": 1.5, "b": float("nan")}})
    log_metadata({"rows": n + 1})
    for epoch in range(3):
        log_metric("loss", 1 / (epoch + 1), step=epoch)
    save_artifact({"by": "hand"}, "noted", tags=["kept"], metadata={"why": "so"})
    return list(range(n))


@step
def big(n: int) -> Annotated[bytes, "bytes"]:
    """More than a row of the record holds."""
    return bytes(n)


@step
def both(data: list[int]) -> tuple[Annotated[int, "total"], Annotated[str, "word"]]:
    """Two outputs."""
    return sum(data), "word"


@step
def square(x: int) -> Annotated[int, "squares"]:
    """One item."""
    print("squaring", x)
    return x * x


@step
def folder(word: str) -> Annotated[Path, "folder"]:
    """Files."""
    made = Path(word)
    (made / "deep").mkdir(parents=True, exist_ok=True)
    (made / "deep" / "a.txt").write_text(word, encoding="utf-8")
    (made / "b.bin").write_bytes(bytes(70_000))
    return made


@step
def code() -> Annotated[Any, "code"]:
    """What only a pickle holds."""
    return lambda: 42


@step
def take(squares: list[int], given: Path, numbers: list[int]) -> int:
    """Reads a collection, files in place, and a list."""
    return len(squares) + len(numbers)


@pipeline
def everything(n: int = 3, lr: float = 0.5):
    """A bit of each."""
    numbers = load(n)
    big(100_000)
    _, word = both(numbers)
    squares = square.map(numbers)
    folder(word)
    code()
    from runlore.client import Client

    return take(squares, Client().get_artifact_version("given"), numbers)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to copy from: the ``home`` of a record where a pipeline ran that does a bit of everything, an export of
    that run in ``out``, and the file that it read in its place."""
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        place = workspace_in(folder / "home", "sqlite")
        run_in(place, folder).export(folder / "out")
        place.close()
    return folder


@pytest.fixture
def ran(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The run, in a record of its own."""
    monkeypatch.chdir(tmp_path)
    home = Path(shutil.copytree(template / "home", tmp_path / "source"))
    run: Run = workspace_in(home, "sqlite").client.get("everything/1")
    return run


def run_in(source: Workspace, folder: Path) -> Run:
    """Run it, and note things on it."""
    file = folder / "given.csv"
    file.write_text("a,b\n1,2\n", encoding="utf-8")
    with current.use_workspace(source):
        register_artifact(file, "given", outside=True)
        run: Run = everything(lr=float("inf"))
    run.add_tags("nightly", "with / slash")
    run.log_metadata({"accuracy": 0.5})
    run.log_metadata({"accuracy": 0.75, "note": "é\ud800"})
    run.steps["load"].outputs["numbers"].add_tags("gold")
    run.steps["load"].outputs["numbers"].log_metadata({"checked": True})
    return run


@pytest.fixture
def again_in() -> Callable[[], Run]:
    """Run the same pipeline once more, in the workspace in force."""
    return lambda: everything(lr=float("inf"))


@pytest.fixture
def portrait() -> Callable[[Run], dict[str, Any]]:
    """All that recall says of a run, to be compared."""
    return portrait_of


def portrait_of(run: Run) -> dict[str, Any]:
    """All that recall says of a run, but for what is the record's own: sequences, numbers, names of others."""
    told = {
        name: getattr(run, name)
        for name in (
            "id", "name", "status", "created", "ended", "duration", "user", "host", "git_commit", "environment",
            "pipeline_version", "tags", "system_tags", "trigger", "failure",
        )
    }  # fmt: skip
    told["parameters"] = repr(dict(run.parameters))
    told["config"] = repr(run.config)
    told["metadata"] = _metadata(run)
    told["code"] = None if run.code is None else {name: run.code[name] for name in run.code}
    told["outputs"] = list(run.outputs)
    told["lines"] = [(line.time, line.stream, line.text, line.step, line.item) for line in run.loglines()]
    told["steps"] = [_step(step) for step in run.steps.values()]
    return told


def _step(step: Any) -> dict[str, Any]:
    told = {
        name: getattr(step, name)
        for name in (
            "name", "status", "started", "ended", "duration", "cache_note", "tags", "definition_body", "failure",
        )
    }  # fmt: skip
    told["parameters"] = repr(dict(step.parameters))
    told["metrics"] = {name: list(series) for name, series in step.metrics.items()}
    told["metadata"] = _metadata(step)
    told["upstream"] = [one.name for one in step.upstream] if hasattr(step, "upstream") else None
    for kind in ("inputs", "outputs", "saved_artifacts"):
        told[kind] = {name: _version(version) for name, version in getattr(step, kind).items()}
    told["tasks"] = [
        [
            (one.status, one.started, one.ended, one.attempt, one.usage, one.failure, list(one.outputs))
            for one in task.attempts
        ]
        for task in step.tasks
    ]
    return told


def _version(version: ArtifactVersion) -> dict[str, Any]:
    names = (
        "id",
        "artifact",
        "version",
        "type",
        "size",
        "digest",
        "created",
        "save_type",
        "materializer",
        "deleted",
        "tags",
    )
    told: dict[str, Any] = {name: str(getattr(version, name)) for name in names}
    told["metadata"] = _metadata(version)
    if version.save_type == "registered":
        del told["deleted"]  # such files do not travel
    elif not version.deleted:
        value = version.load(trust=True)
        told["value"] = value() if callable(value) else _files(value) if isinstance(value, Path) else value
    return told


def _files(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}


def _metadata(owner: Any) -> dict[str, list[tuple[str, Any]]]:
    return {
        key: [(repr(entry.value), entry.created) for entry in owner.metadata_history(key)] for key in owner.metadata
    }
