"""A run that was exported and imported is the run that it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runlore import pipeline, register_artifact, save_artifact, step
from runlore.author import current
from runlore.errors import AlreadyExists, ArtifactDeleted, ArtifactMissing, NotFound, StoreError, UntrustedPickle
from runlore.model import run as model
from runlore.recall.run import Run
from runlore.record.portable.importing import Importer
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


def test_an_export_of_an_import_is_the_same_export(
    ran: Run, workspace_at: Make, target_kind: str, tmp_path: Path
) -> None:
    """Out and in again, the manifest says the same but for the time of exporting, and the bytes are the same."""
    target = workspace_at(target_kind)
    first = ran.export(tmp_path / "first")
    second = target.client.import_run(first).export(tmp_path / "second")

    before, after = (json.loads((folder / "manifest.json").read_text()) for folder in (first, second))
    for body in (before, after):
        del body["exported"]
    given = next(one for one in before["versions"] if one["artifact"] == "given")
    assert not given["content"]["bytes"]
    assert after == before
    assert names(second / "blobs") == names(first / "blobs")


def names(folder: Path) -> list[str]:
    """Files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("whole", [True, False])
def test_a_cached_run_brings_what_it_took_over(
    ran: Run,
    again_in: Callable[[], Run],
    workspace_at: Make,
    target_kind: str,
    tmp_path: Path,
    portrait: Portrait,
    whole: bool,
) -> None:
    """Where the run of its origins is there, its steps point at it; where not, values, logs and notes are its own."""
    with current.use_workspace(ran._reader.place):
        again = again_in()
    assert again.steps["load"].status == "cached"
    target = workspace_at(target_kind)
    if whole:
        target.client.import_run(ran.export(tmp_path / "first"))
    imported = target.client.import_run(again.export(tmp_path / "again"))

    assert (imported.steps["load"].origin is not None) is whole
    assert ("a run that is not in this record" in imported.steps["load"].explain().reason) is not whole
    assert imported.logs == again.logs
    before, after = portrait(again), portrait(imported)
    for was, now in zip(before["steps"], after["steps"], strict=True):
        for name in ("status", "metadata", "inputs", "outputs", "tasks"):
            if not whole and name == "metadata":  # its origin's notes have become its own, with their history
                assert {key: history[-1] for key, history in now[name].items()}.keys() == dict(was[name]).keys()
                continue
            assert now[name] == was[name], (was["name"], name)
    assert [finding for finding in target.record.check() if not finding.harmless] == []


def test_a_second_import_changes_nothing(ran: Run, workspace_at: Make, target_kind: str, tmp_path: Path) -> None:
    """The same run again is the run that is there, whatever became of it, also where it was made."""
    folder, target = ran.export(tmp_path / "out"), workspace_at(target_kind)
    first = target.client.import_run(folder)
    first.add_tags("mine")
    versions = len(target.client.list_artifact_versions())

    again = target.client.import_run(folder)
    assert again == first and "mine" in again.tags
    assert (len(target.client.runs()), len(target.client.list_artifact_versions())) == (1, versions)
    assert ran._reader.place.client.import_run(folder).number == ran.number


def test_two_imports_at_once_are_one(
    ran: Run, again_in: Callable[[], Run], workspace_at: Make, target_kind: str, tmp_path: Path
) -> None:
    """A run that another import brings meanwhile, or a version of it, is the one that is there."""
    with current.use_workspace(ran._reader.place):
        again = again_in()
    first, second = ran.export(tmp_path / "first"), again.export(tmp_path / "second")
    target = workspace_at(target_kind)
    others = [second, first]

    @contextmanager
    def meanwhile() -> Iterator[None]:
        if others:
            bring(others.pop())
        yield

    def bring(folder: Path) -> tuple[model.Run, bool]:
        return Importer(target.record, target.blobs, inline_limit=32_768, holding=meanwhile).bring(folder)

    assert [bring(folder)[1] for folder in (first, second)] == [False, False]
    assert {run.id for run in target.client.runs()} == {ran.id, again.id}
    assert [finding for finding in target.record.check() if not finding.harmless] == []


def test_numbers_and_names_are_those_of_the_target(
    ran: Run, workspace_at: Make, target_kind: str, tmp_path: Path
) -> None:
    """The run gets the next number, a taken name a suffix, a taken label the beginning of the version's id; what was
    there stays, and the pipeline's version does not grow."""
    target = workspace_at(target_kind)
    with current.use_workspace(target):

        @step
        def make() -> int:
            return 1

        @pipeline(name="everything")
        def local():
            make()

        mine = local.with_options(run_name=ran.name)()
        kept = save_artifact([9], "numbers")
        target.client.get_artifact_version("numbers", "1").promote("production")
    imported = target.client.import_run(ran.export(tmp_path / "out"))

    assert (mine.number, imported.number) == (1, 2)
    assert imported.name == f"{ran.name}-2"
    assert target.client.get_pipeline("everything").version == mine.pipeline_version == 1
    numbers = imported.steps["load"].output
    assert numbers.version == f"1-{numbers.id.hex[:8]}"
    assert numbers.load() == [0, 1, 2]
    assert kept.load() == [9] == target.client.get_artifact_version("numbers", "production").load()
    assert target.client.get_artifact_version("numbers").id == numbers.id
    assert imported.steps["big"].output.version == "1"


def test_pickles_load_with_trust_only(ran: Run, workspace_at: Make, tmp_path: Path) -> None:
    """A pickle of another installation is refused after an import; back where it was made it loads."""
    folder = ran.export(tmp_path / "out")
    imported = workspace_at("sqlite").client.import_run(folder)

    with pytest.raises(UntrustedPickle):
        imported.steps["code"].output.load()
    assert imported.steps["code"].output.load(trust=True)() == 42
    source = ran._reader.place.client
    assert source.import_run(folder).steps["code"].output.load()() == 42


def test_an_imported_result_serves_no_run(
    ran: Run, again_in: Callable[[], Run], workspace_at: Make, template: Path, tmp_path: Path
) -> None:
    """The cache never stands on what came from elsewhere."""
    target = workspace_at("sqlite")
    target.client.import_run(ran.export(tmp_path / "out"))
    with current.use_workspace(target):
        register_artifact(template / "given.csv", "given", outside=True)
        run = again_in()

    assert {step.status for step in run.steps.values()} == {"completed"}


def test_artifacts_may_stay_behind(ran: Run, workspace_at: Make, target_kind: str, tmp_path: Path) -> None:
    """Without artifacts, or with some only, the others are known and read as deleted."""
    bare = workspace_at(target_kind).client.import_run(ran.export(tmp_path / "bare", artifacts=False))
    some = workspace_at(target_kind).client.import_run(ran.export(tmp_path / "some", only="numbers"))

    assert bare.steps["load"].output.deleted and some.steps["load"].output.load() == [0, 1, 2]
    with pytest.raises(ArtifactDeleted):
        some.steps["big"].output.load()
    assert bare.logs == ran.logs and bare.steps["big"].output.size == ran.steps["big"].output.size
    assert not any(name.endswith(ran.steps["big"].output.digest[-64:]) for name in names(tmp_path / "some"))
    with pytest.raises(NotFound, match="no artifact 'nubmers'"):
        ran.export(tmp_path / "wrong", only=["nubmers"])
    assert not (tmp_path / "wrong").exists()


def test_an_export_is_whole_or_not_there(ran: Run, tmp_path: Path) -> None:
    """It refuses a place that holds something, takes an empty folder, and leaves nothing behind when it fails."""
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for place in (taken, tmp_path / "file"):
        with pytest.raises(AlreadyExists):
            ran.export(place)
    assert names(taken) == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert (ran.export(tmp_path / "empty") / "manifest.json").is_file()

    with pytest.raises(StoreError, match="No folder can be made"):
        ran.export(tmp_path / "file" / "below")
    blob = next(
        path
        for path in (ran._reader.place.settings.home / "blobs").rglob("*")
        if path.name.endswith(ran.steps["big"].output.digest[-64:])
    )
    blob.unlink()
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(ArtifactMissing):
        ran.export(tmp_path / "broken")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_running_run_is_not_exported(workspace_at: Make, tmp_path: Path) -> None:
    """What has not ended cannot be whole."""
    with current.use_workspace(workspace_at("memory")):

        @step
        def look() -> str:
            from runlore.client import Client

            with pytest.raises(StoreError, match="once it has ended"):
                Client().get("looking/latest").export(tmp_path / "early")
            return "looked"

        @pipeline
        def looking():
            look()

        assert looking().steps["look"].output.load() == "looked"
    assert not (tmp_path / "early").exists()
