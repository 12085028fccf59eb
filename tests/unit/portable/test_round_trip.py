"""A run that was exported and imported is the run that it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from runlore.recall.run import Run
from runlore.workspace import Workspace

Make = Callable[[str], Workspace]
Portrait = Callable[[Run], dict[str, Any]]


def test_an_imported_run_is_the_same_run(
    ran: Run, workspace_at: Make, target_kind: str, tmp_path: Path, portrait: Portrait
) -> None:
    """Every answer of recall is the same in another record: times, values, logs, attempts, metadata, code."""
    target = workspace_at(target_kind)
    imported = target.client.import_run(ran.export(tmp_path / "out"))

    before, after = portrait(ran), portrait(imported)
    for was, now in zip(before.pop("steps"), after.pop("steps"), strict=True):
        assert now == was
    assert after == before
    assert [finding for finding in target.record.check() if not finding.harmless] == []
