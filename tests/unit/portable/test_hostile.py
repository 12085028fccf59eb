"""Exports from strangers: whatever is in the folder, an import is whole or an error, and nothing outside is touched."""

from __future__ import annotations

import copy
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runlore.errors import ExportInvalid, RunloreError
from runlore.workspace import Workspace

Make = Callable[[str], Workspace]


@pytest.fixture
def exported(template: Path, tmp_path: Path) -> Path:
    """An export that is as it should be."""
    return Path(shutil.copytree(template / "out", tmp_path / "out"))


def refused(target: Workspace, folder: Path) -> str:
    """Import it, which must fail and leave nothing; return what was said."""
    with pytest.raises(ExportInvalid) as caught:
        target.client.import_run(folder)
    assert_nothing(target)
    return str(caught.value)


def assert_nothing(target: Workspace) -> None:
    assert len(target.client.runs()) == len(target.client.list_artifact_versions()) == 0
    assert len(target.client.list_pipelines()) == 0
    assert [finding for finding in target.record.check() if not finding.harmless] == []


def changed(folder: Path, change: Callable[[Any], object]) -> Path:
    """The same export with another manifest."""
    file = folder / "manifest.json"
    body = json.loads(file.read_text())
    change(body)
    file.write_text(json.dumps(body))
    return folder


def some_blob(folder: Path) -> Path:
    """The largest file of an export."""
    return max((path for path in (folder / "blobs").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def test_no_export_is_an_error_that_says_how_one_is_made(workspace_at: Make, tmp_path: Path) -> None:
    """A folder without a manifest, a file, and nothing at all are told apart from an export."""
    target = workspace_at("sqlite")
    assert "runlore run export" in refused(target, tmp_path)
    (tmp_path / "file").write_text("x")
    for place in ("file", "nowhere"):
        assert "no folder" in refused(target, tmp_path / place)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "[" * 100_000, '{"format": "runlore-run-2"}', '{"format": 1}', '"x"', "\\ud800"]
)
def test_a_manifest_that_is_none(text: str, exported: Path, workspace_at: Make) -> None:
    """What is no JSON object of this format is refused."""
    (exported / "manifest.json").write_text(text)
    refused(workspace_at("memory"), exported)


def test_other_bytes_are_refused(exported: Path, workspace_at: Make, target_kind: str) -> None:
    """A flipped byte, a file that is gone, and one that is too short: nothing is imported."""
    target, blob = workspace_at(target_kind), some_blob(exported)
    whole = blob.read_bytes()
    for data in (b"x" + whole[1:], whole[:-1], b""):
        blob.write_bytes(data)
        assert "other bytes" in refused(target, exported)
    blob.unlink()
    assert "not in its blobs" in refused(target, exported)
    blob.write_bytes(whole)
    target.client.import_run(exported)


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are different there")
def test_links_and_pipes_are_refused(exported: Path, workspace_at: Make, tmp_path: Path) -> None:
    """No link is followed, to a file or to a folder, and a pipe is not waited for."""
    target, blob = workspace_at("sqlite"), some_blob(exported)
    outside = tmp_path / "outside"
    shutil.move(blob, outside)
    blob.symlink_to(outside)
    assert "no regular file" in refused(target, exported)
    blob.unlink()
    os.mkfifo(blob)
    assert "no regular file" in refused(target, exported)
    blob.unlink()
    shutil.move(outside, blob)
    shutil.move(blob.parent, outside)
    blob.parent.symlink_to(outside)
    assert "is a link" in refused(target, exported)
    blob.parent.unlink()
    shutil.move(outside, blob.parent)
    manifest = exported / "manifest.json"
    shutil.move(manifest, outside)
    manifest.symlink_to(outside)
    refused(target, exported)


def test_files_of_a_tree_stay_inside(exported: Path, workspace_at: Make) -> None:
    """A tree whose manifest names a place outside is refused, although its digest is right."""

    def change(body: Any) -> None:
        (tree,) = (one for one in body["versions"] if one["content"]["form"] == "tree")
        digest = tree["content"]["digest"].removeprefix("sha256:")
        old = json.loads((exported / "blobs" / "sha256" / digest[:2] / digest).read_text())
        old["files"][0][0] = "../../escaped"
        data = json.dumps(old, separators=(",", ":")).encode()
        new = sha256(data).hexdigest()
        place = exported / "blobs" / "sha256" / new[:2] / new
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)
        tree["content"]["digest"] = f"sha256:{new}"

    target = workspace_at("sqlite")
    with pytest.raises(RunloreError, match="escaped"):
        target.client.import_run(changed(exported, change))
    assert_nothing(target)


def test_a_version_cannot_pass_for_another(exported: Path, workspace_at: Make) -> None:
    """An id that is here with other content is refused, and what is here stays as it is."""
    target = workspace_at("sqlite")
    numbers = target.client.import_run(exported).steps["load"].output

    def change(body: Any) -> None:
        body["run"]["id"] = "00000000-0000-4000-8000-000000000000"
        one = next(one for one in body["versions"] if one["id"] == str(numbers.id))
        other = next(one for one in body["versions"] if one["artifact"] == "bytes")
        one["content"]["digest"] = other["content"]["digest"]

    with pytest.raises(ExportInvalid, match="is something else"):
        target.client.import_run(changed(exported, change))
    assert len(target.client.runs()) == 1 and numbers.load() == [0, 1, 2]


def test_a_definition_cannot_stand_under_anothers_digest(exported: Path, workspace_at: Make) -> None:
    """Definitions are known by a digest that is made here."""

    def change(body: Any) -> None:
        body["steps"][0]["definition"] = '{"name":"load","source":"forged"}'

    target = workspace_at("sqlite")
    run = target.client.import_run(changed(exported, change))
    noun = target.record.steps(run.seq)[0]
    definition = target.record.definition(noun.definition)
    assert definition.digest == sha256(definition.body.encode()).digest()


NUMBERS = [0, -1, 1, 2**31, 2**63, 10**40, -(10**40), 1.5, 1e308, True]
NAMES = ["", "x", "/", "..", "../../etc/passwd", "a" * 300, "\x00", "\n", "\ud800", "latest", "1", "[" * 5000, "{}"]
DIGESTS = ["sha256:" + "0" * 64, "sha256:../../../etc/passwd", "00000000-0000-4000-8000-000000000000"]
TIMES = ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "2026-01-01T00:00:00"]
LISTS = [None, [], {}, [[]], [None], ["x", "y", "z"], [{}], {"it": 1}]
WORDS = ["completed", "running", "pending", "input", "collection", "cloudpickle"]
HOSTILE: list[Any] = [*NUMBERS, *NAMES, *DIGESTS, *TIMES, *LISTS, *WORDS]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a manifest."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in members:
        yield (*path, name)
        yield from places(one, (*path, name))


def altered(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with something else in one place."""
    made = copy.deepcopy(body)
    inner = made
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return made


def whole_or_not(exported: Path, body: Any, target: Workspace, alterations: list[tuple[tuple[Any, ...], Any]]) -> bool:
    """Import a manifest that is altered so: an error that leaves nothing, or a sound run. Tell whether it was one."""
    made = body
    for path, value in alterations:
        try:
            made = altered(made, path, value)
        except (KeyError, IndexError, TypeError):  # what was altered first held it
            continue
    (exported / "manifest.json").write_text(json.dumps(made))
    try:
        run = target.client.import_run(exported)
    except RunloreError as error:
        assert "\n" not in str(error)
        assert_nothing(target)
        return False
    assert run.finished
    repr(run), run.to_row(), run.logs, run.code, run.config, run.outputs, run.trigger, run.failure
    for step in run.steps.values():
        repr(step), step.inputs, step.outputs, step.saved_artifacts, step.parameters, step.metadata, step.tasks
    assert [finding for finding in target.record.check() if not finding.harmless] == []
    return True


@pytest.fixture
def altering(exported: Path, workspace_at: Make) -> Callable[[st.DataObject], bool]:
    """Alter one to three places of the manifest and import it into an empty record."""
    body = json.loads((exported / "manifest.json").read_text())
    everywhere = list(places(body))

    def alter(data: st.DataObject) -> bool:
        one = st.tuples(st.sampled_from(everywhere), st.sampled_from(HOSTILE))
        return whole_or_not(exported, body, workspace_at("memory"), data.draw(st.lists(one, min_size=1, max_size=3)))

    return alter


FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)


@FUZZ
@given(data=st.data())
def test_an_altered_manifest_is_refused_or_sound(data: st.DataObject, altering: Callable[..., bool]) -> None:
    """Whatever stands in whichever place of the manifest, nothing is half imported, and what is imported is sound."""
    altering(data)


@pytest.mark.slow
@settings(FUZZ, max_examples=2000)
@given(data=st.data())
def test_two_thousand_altered_manifests(data: st.DataObject, altering: Callable[..., bool]) -> None:
    """The same, at length."""
    altering(data)
