"""Paths as values: a file or folder that a step returns is stored, and comes back as a path to a copy of its own."""

from __future__ import annotations

import os
import socket
import stat
import sys
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path, PurePath, PurePosixPath
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runlore import ArtifactConfig, load_artifact, pipeline, save_artifact, step
from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.testing.payloads import MemoryWriter, PayloadReader
from runlore.values.builtin import BuiltinMaterializer
from runlore.values.paths import FolderMaterializer, PathMaterializer
from runlore.values.registry import materializer_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes are POSIX's")


def contents(folder: Path) -> dict[str, bytes | None]:
    """Name → bytes of what is in a folder; ``None`` for a folder."""
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two files, one of which can be executed, and an empty folder."""
    place = tmp_path / "data"
    (place / "a" / "empty").mkdir(parents=True)
    (place / "a" / "x.txt").write_text("x")
    (place / "run.sh").write_text("#!/bin/sh\nexit 3\n")
    (place / "run.sh").chmod(0o750)
    return place


def test_a_file_comes_back_under_its_name(home: Path, tmp_path: Path) -> None:
    """A file keeps its name and ending, is read-only, and is no copy of the blob."""
    (tmp_path / "model.onnx").write_bytes(b"weights")
    version = save_artifact(tmp_path / "model.onnx", "model")
    (tmp_path / "model.onnx").unlink()
    found = load_artifact("model")

    assert version.materializer == "path"
    assert (found.name, found.read_bytes()) == ("model.onnx", b"weights")
    assert stat.S_IMODE(found.stat().st_mode) == 0o444
    assert found.is_symlink()
    assert found.resolve().is_relative_to(home / "blobs" / "sha256")


def test_a_folder_comes_back_whole(home: Path, folder: Path) -> None:
    """Empty folders and what can be executed are kept; what was loaded can be saved again, and is the same."""
    version = save_artifact(folder, "data")
    found = load_artifact("data")

    assert version.materializer == "folder"
    assert contents(found) == contents(folder)
    assert os.spawnl(os.P_WAIT, found / "run.sh", "run.sh") == 3
    assert not os.access(found / "a" / "x.txt", os.X_OK)
    assert save_artifact(found, "again").content.digest == version.content.digest
    assert contents(load_artifact("again")) == contents(folder)
    save_artifact(found / "a", "part")
    assert contents(load_artifact("part")) == contents(folder / "a")


def test_downloads_keep_what_is_kept(home: Path, folder: Path, tmp_path: Path) -> None:
    """A folder is downloaded with its empty folders and executable files, also into another one; a file plainly."""
    version = save_artifact(folder, "data")
    (tmp_path / "there").mkdir()
    for name in ("new", "there"):
        found = Path(version.download_files(tmp_path / name))
        assert contents(found) == contents(folder)
        assert [path.name for path in found.rglob("*.*") if os.access(path, os.X_OK)] == ["run.sh"]
    file = save_artifact(folder / "a" / "x.txt", "file").download_files(tmp_path / "copy.txt")
    assert Path(file).read_text() == "x"


def test_an_empty_folder_is_a_folder(home: Path, tmp_path: Path) -> None:
    """A folder that holds nothing comes back as one."""
    (tmp_path / "none").mkdir()
    save_artifact(tmp_path / "none", "none")

    assert list(load_artifact("none").iterdir()) == []


names = st.text(st.characters(codec="utf-8", exclude_characters="/\\:", exclude_categories=("Cc", "Cs")), min_size=1)
parts = names.filter(lambda name: name not in (".", "..") and len(name.encode()) < 100)
trees = st.recursive(
    st.tuples(st.binary(max_size=40), st.booleans()),
    lambda inner: st.dictionaries(parts, inner, max_size=4),
    max_leaves=10,
).filter(lambda tree: isinstance(tree, dict))


def build(tree: dict[str, object], place: Path) -> None:
    place.mkdir()
    for name, inner in tree.items():
        if isinstance(inner, dict):
            build(inner, place / name)
        else:
            data, executable = inner  # type: ignore[misc]
            (place / name).write_bytes(data)
            (place / name).chmod(0o755 if executable else 0o644)


def modes(folder: Path) -> dict[str, bool]:
    return {str(path.relative_to(folder)): os.access(path, os.X_OK) for path in folder.rglob("*") if path.is_file()}


@settings(max_examples=10)
@given(trees)
def test_any_folder_comes_back(tree: dict[str, object]) -> None:
    """Whatever files and folders lie in a folder, they come back, and equal folders have one digest."""
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNLORE_HOME", str(Path(scratch) / "home"))
        one, other = Path(scratch) / "one", Path(scratch) / "other"
        build(tree, one)
        build(dict(reversed(tree.items())), other)
        digests = {save_artifact(place, place.name).content.digest for place in (one, other)}
        found = load_artifact("one")

        assert len(digests) == 1
        assert contents(found) == contents(one)
        # root may execute nothing that nobody may
        assert {name for name, runs in modes(found).items() if runs} == {n for n, runs in modes(one).items() if runs}


def test_what_makes_two_folders_differ(home: Path, folder: Path) -> None:
    """A name, a byte, an empty folder or the right to execute makes another digest; the folder's own name does not."""
    digests = [save_artifact(folder, "f").content.digest]
    (folder / "a" / "empty").rmdir()
    digests.append(save_artifact(folder, "f").content.digest)
    (folder / "run.sh").chmod(0o640)
    digests.append(save_artifact(folder, "f").content.digest)
    (folder / "run.sh").rename(folder / "go.sh")
    digests.append(save_artifact(folder, "f").content.digest)
    assert len(set(digests)) == 4

    moved = folder.rename(folder.with_name("moved"))
    assert save_artifact(moved, "f").content.digest == digests[-1]


def test_links_inside_count_as_what_they_lead_to(home: Path, folder: Path) -> None:
    """A link to a file or folder beside it is stored as that file or folder."""
    (folder / "link").symlink_to("a/x.txt")
    (folder / "b").symlink_to("a")
    save_artifact(folder, "f")
    found = load_artifact("f")

    assert (found / "link").read_text() == "x"
    assert contents(found / "b") == contents(folder / "a")


def outside(folder: Path) -> None:
    (folder.parent / "secret").write_text("s")
    (folder / "bad").symlink_to(folder.parent / "secret")


def crossed(folder: Path) -> None:
    (folder / "bad").mkdir()
    (folder / "bad" / "to-a").symlink_to(folder / "a")
    (folder / "a" / "bad").symlink_to(folder / "bad")


def unix_socket(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, socket.socket(socket.AF_UNIX) as server:
        patch.chdir(folder)  # a socket's path may not be long
        server.bind("bad")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (outside, "outside of the folder"),
        (lambda folder: (folder / "a" / "bad").symlink_to(".."), "a folder that it lies in"),
        (crossed, "a folder that it lies in"),
        (lambda folder: (folder / "bad").symlink_to("nothing"), "does not exist"),
        (lambda folder: (folder / "bad").symlink_to("bad"), "leads nowhere"),
        (lambda folder: os.mkfifo(folder / "bad"), "neither a file nor a folder"),
        (unix_socket, "neither a file nor a folder"),
    ],
    ids=["outside", "above", "crossed", "dangling", "ring", "pipe", "socket"],
)
def test_what_cannot_be_stored_is_refused(home: Path, folder: Path, make: Callable[[Path], None], message: str) -> None:
    """Links that leave the folder, that lead nowhere or in a ring, pipes and sockets are errors that name the thing."""
    make(folder)
    with pytest.raises(ValueUnstorable, match=message) as error:
        save_artifact(folder, "f")

    assert "bad" in str(error.value)
    assert [path for path in (home / "blobs").rglob("*") if path.is_file()] == []


def test_a_path_that_leads_nowhere_is_refused(home: Path, tmp_path: Path) -> None:
    """What does not exist, or is a device, has no content; the error says what to do."""
    with pytest.raises(ValueUnstorable, match=r"does not exist.*Write that first.*PurePath"):
        save_artifact(tmp_path / "absent", "f")
    with pytest.raises(ValueUnstorable, match="neither a file nor a folder"):
        save_artifact(Path("/dev/null"), "f")


def test_which_paths_are_values(home: Path, tmp_path: Path) -> None:
    """A path is a value in a container, as a parameter, where a pure one is annotated, and where it is asked for."""
    (tmp_path / "f.txt").write_text("text")
    (tmp_path / "folder").mkdir()

    @step
    def content(place: Path) -> Path:
        assert place == tmp_path / "f.txt"
        return place

    @step
    def optional() -> Path | None:
        return tmp_path / "f.txt"

    @step
    def several() -> Annotated[Path, "several"]:
        return tmp_path / "folder"

    @step
    def pure() -> PurePath:
        return tmp_path / "absent"

    @step
    def chosen() -> Annotated[Path, ArtifactConfig(materializer="json")]:
        return tmp_path / "absent"

    @step
    def inside() -> list[Path]:
        return [tmp_path / "absent"]

    @step
    def read(one: Path, other: PurePath) -> str:
        return one.read_text() + other.name

    @pipeline
    def paths() -> None:
        read(content(tmp_path / "f.txt"), pure())
        optional(), several(), chosen(), inside()

    steps = paths().steps
    stored = {name: steps[name].output.materializer for name in steps if name != "read"}
    assert stored == {
        **{"content": "path", "optional": "path", "several": "folder"},
        **{"pure": "json", "chosen": "json", "inside": "json"},
    }
    assert steps["read"].output.load() == "textabsent"
    assert steps["pure"].output.load() == tmp_path / "absent"
    assert steps["inside"].output.load() == [tmp_path / "absent"]
    assert materializer_for(tmp_path, annotation=PurePosixPath).name == "json"


def test_paths_stored_as_text_still_load(tmp_path: Path) -> None:
    """What was stored before paths stood for their content is read by its name in the record."""
    writer = MemoryWriter()
    BuiltinMaterializer().save(Path("a/b"), writer)

    assert writer.parts == [b'{"~":"path","v":"a/b"}']
    assert BuiltinMaterializer().load(writer.reader(tmp_path)) == Path("a/b")


def test_files_are_described_and_shown(tmp_path: Path) -> None:
    """Name, size and media type; of sound its length; small files are shown as what they are."""
    sound, picture, table = tmp_path / "s.wav", tmp_path / "p.svg", tmp_path / "t.csv"
    with wave.open(str(sound), "wb") as made:
        made.setparams((2, 2, 8_000, 0, "NONE", "not compressed"))
        made.writeframes(bytes(4 * 4_000))
    picture.write_text("<svg/>")
    table.write_text("a,b\n")
    describe, draw = PathMaterializer().metadata, PathMaterializer().pictures

    assert describe(sound) == {
        "name": "s.wav",
        "size": sound.stat().st_size,
        "media_type": describe(sound)["media_type"],
        "duration": 0.5,
        "rate": 8_000,
        "channels": 2,
    }
    assert describe(sound)["media_type"] in ("audio/x-wav", "audio/wav", "audio/vnd.wave")
    assert draw(sound)[0].kind == "html"
    assert draw(sound)[0].data.startswith(b'<audio controls src="data:audio/')
    assert [(shown.kind, shown.data) for shown in draw(table)] == [("csv", b"a,b\n")]
    assert draw(picture)[0].media_type == "image/svg+xml"
    sound.write_bytes(b"no sound")
    assert "duration" not in describe(sound)
    table.write_bytes(bytes(200_000))
    assert list(draw(table)) == []


def test_a_folder_is_described_by_its_files(folder: Path) -> None:
    """How many files, of how many bytes, and their names as a table."""
    assert FolderMaterializer().metadata(folder) == {"name": "data", "files": 2, "size": 18}
    assert FolderMaterializer().pictures(folder)[0].data == b'name,size\n"a/x.txt",1\n"run.sh",17\n'


def test_a_file_is_one_file(tmp_path: Path) -> None:
    """A payload of several files is no file."""
    with pytest.raises(ValueUnloadable, match="there are 2"):
        PathMaterializer().load(PayloadReader(tmp_path, {"a": b"", "b": b""}, None))
