"""Writing the stored files of a version where the user wants them."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest

from runlore import pipeline, register_artifact, save_artifact, step
from runlore.author.current import use_workspace
from runlore.client import Client
from runlore.errors import AlreadyExists, ArtifactChanged, ArtifactCorrupt
from runlore.settings import Settings
from runlore.values.materializer import Materializer, Reader, Writer
from runlore.workspace import Workspace


class Pages:
    """A value that is stored as several files."""

    def __init__(self, **pages: str) -> None:
        self.pages = pages


class PagesMaterializer(Materializer):
    """One file for each page, in a folder."""

    types = (Pages,)

    def save(self, value: Any, writer: Writer) -> None:
        for name, text in value.pages.items():
            with writer.file(f"pages/{name}.txt") as file:
                file.write(text.encode())

    def load(self, reader: Reader) -> Any:
        return Pages(**{Path(name).stem: reader.file(name).decode() for name in reader.files()})


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of the test's own, in force for pipelines and `Client()`."""
    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    with use_workspace(opened):
        yield opened
    opened.close()


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_one_file_is_written_under_the_name_asked_for(tmp_path: Path) -> None:
    """A path with an ending is the file, where one file is all there is, and other programs read it."""
    array = np.arange(6.0)
    version = save_artifact(array, "weights")

    assert version.download_files(tmp_path / "new" / "w.npy") == tmp_path / "new" / "w.npy"
    assert np.load(tmp_path / "new" / "w.npy").tolist() == array.tolist()
    assert os.listdir(tmp_path / "new") == ["w.npy"]
    with pytest.raises(AlreadyExists):
        version.download_files(tmp_path / "new" / "w.npy")
    save_artifact(array + 1, "weights").download_files(tmp_path / "new" / "w.npy", overwrite=True)
    assert np.load(tmp_path / "new" / "w.npy")[0] == 1


def test_a_folder_is_written_otherwise(tmp_path: Path) -> None:
    """A path without an ending, and a folder that is there, is the folder; several files always make one."""
    one, several = save_artifact(1, "one"), save_artifact(Pages(a="A", b="B"), "several")
    (tmp_path / "v1.0").mkdir()

    one.download_files(tmp_path / "out")
    one.download_files(tmp_path / "v1.0")
    several.download_files(tmp_path / "pages.txt")
    several.download_files(tmp_path / "v1.0")

    assert listing(tmp_path / "out") == {"one.json": b"1"}
    assert listing(tmp_path / "pages.txt") == {"pages/a.txt": b"A", "pages/b.txt": b"B"}
    assert listing(tmp_path / "v1.0") == {"one.json": b"1", "pages/a.txt": b"A", "pages/b.txt": b"B"}


def test_an_archive_holds_the_files(tmp_path: Path) -> None:
    """A path that ends in `.zip`, in any case, is an archive with the same names as the folder."""
    version = save_artifact(Pages(a="A", b="B"), "several")
    for name in ("a.zip", "B.ZIP"):
        with zipfile.ZipFile(version.download_files(str(tmp_path / name))) as archive:
            assert {name: archive.read(name) for name in archive.namelist()} == {
                "pages/a.txt": b"A",
                "pages/b.txt": b"B",
            }
    with pytest.raises(AlreadyExists):
        version.download_files(tmp_path / "a.zip")
    (tmp_path / "c.zip").mkdir()
    with pytest.raises(AlreadyExists, match="is a folder"):
        version.download_files(tmp_path / "c.zip", overwrite=True)


def test_a_collection_is_written_element_by_element(tmp_path: Path) -> None:
    """What a mapped step made is a file, or a folder, for each element."""

    @step
    def count(x: int) -> Annotated[int, "counted"]:
        return x

    @step
    def write(x: int) -> Annotated[Pages, "written"]:
        return Pages(a=str(x))

    @pipeline
    def counting() -> None:
        count.map([5, 6])
        write.map([7, 8])

    run = counting()
    run.steps["count"].output.download_files(tmp_path / "numbers")
    run.steps["write"].output.download_files(tmp_path / "pages")

    assert listing(tmp_path / "numbers") == {"counted_0.json": b"5", "counted_1.json": b"6"}
    assert listing(tmp_path / "pages") == {"written_0/pages/a.txt": b"7", "written_1/pages/a.txt": b"8"}


def test_nothing_is_overwritten_half(tmp_path: Path) -> None:
    """If one of several files stands in the way, none is written, and nothing else is left behind."""
    version = save_artifact(Pages(a="A", b="B"), "several")
    (tmp_path / "out" / "pages").mkdir(parents=True)
    (tmp_path / "out" / "pages" / "b.txt").write_text("mine")

    with pytest.raises(AlreadyExists, match=r"b\.txt"):
        version.download_files(tmp_path / "out")
    assert listing(tmp_path / "out") == {"pages/b.txt": b"mine"}
    version.download_files(tmp_path / "out", overwrite=True)
    assert listing(tmp_path / "out") == {"pages/a.txt": b"A", "pages/b.txt": b"B"}


def test_damage_leaves_nothing_behind(workspace: Workspace, tmp_path: Path) -> None:
    """When a stored file is damaged, neither archive nor folder nor file appears."""
    version = save_artifact(Pages(a="A" * 10, b="B"), "several")
    first = next(file for file in workspace.vault.files(version.content) if file.size == 10)
    blob = workspace.blobs.path(first.digest)
    blob.chmod(0o644)
    blob.write_bytes(b"X" * 10)
    (tmp_path / "to").mkdir()

    for name in ("out", "a.zip"):
        with pytest.raises(ArtifactCorrupt):
            version.download_files(tmp_path / "to" / name)
    with pytest.raises(ArtifactCorrupt):
        version.download_files(tmp_path / "to")
    assert os.listdir(tmp_path / "to") == []


def test_no_link_leads_out_of_the_folder(tmp_path: Path) -> None:
    """A link in the folder that is written to is not followed out of it; a link in a file's place is replaced."""
    version = save_artifact(Pages(a="A"), "several")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "pages").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(AlreadyExists, match="leads the file 'pages/a.txt' out"):
        version.download_files(tmp_path / "out", overwrite=True)
    assert os.listdir(tmp_path / "elsewhere") == []

    (tmp_path / "out" / "pages").unlink()
    (tmp_path / "out" / "pages").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("theirs")
    (tmp_path / "out" / "pages" / "a.txt").symlink_to(tmp_path / "elsewhere" / "file")
    with pytest.raises(AlreadyExists):
        version.download_files(tmp_path / "out")
    version.download_files(tmp_path / "out", overwrite=True)
    assert (tmp_path / "elsewhere" / "file").read_text() == "theirs"
    assert listing(tmp_path / "out") == {"pages/a.txt": b"A"}


def test_what_was_registered_is_copied(tmp_path: Path) -> None:
    """Registered files are copied as they were registered; the original is left alone."""
    store = Path(Client().active_stack.artifact_store.path)
    (store / "data" / "sub").mkdir(parents=True)
    (store / "data" / "sub" / "x.csv").write_text("1,2")
    (store / "m.bin").write_bytes(b"\0\1")
    folder, file = register_artifact(store / "data", "data"), register_artifact(store / "m.bin", "m")

    folder.download_files(tmp_path / "copy")
    file.download_files(tmp_path / "other.bin")
    file.download_files(tmp_path / "in")

    assert listing(tmp_path / "copy") == {"sub/x.csv": b"1,2"}
    assert (tmp_path / "other.bin").read_bytes() == (tmp_path / "in" / "m.bin").read_bytes() == b"\0\1"
    (tmp_path / "copy" / "sub" / "x.csv").write_text("changed")
    assert folder.load() == store / "data"
    (store / "data" / "sub" / "x.csv").write_text("2,1")
    with pytest.raises(ArtifactChanged):
        folder.download_files(tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_downloading_loads_nothing(tmp_path: Path) -> None:
    """Bytes that run code when they are loaded are written without being loaded."""

    class Loud:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("it was loaded",))

    version = save_artifact(Loud(), "loud")
    version.download_files(tmp_path / "loud.pkl")

    assert (tmp_path / "loud.pkl").read_bytes()[:1] == pickle.PROTO


def test_an_archive_has_the_empty_folders_and_a_file_is_no_folder(tmp_path: Path) -> None:
    """A folder's empty folders are in its archive; a file in the way of a folder is said to be one."""
    (tmp_path / "given" / "empty").mkdir(parents=True)
    (tmp_path / "given" / "a").write_text("a")
    version = save_artifact(tmp_path / "given", "given")

    with zipfile.ZipFile(version.download_files(tmp_path / "given.zip")) as archive:
        assert sorted(archive.namelist()) == ["a", "empty/"]
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(AlreadyExists, match="is a file") as error:
        version.download_files(tmp_path / "taken", overwrite=True)
    assert "overwrite" not in str(error.value)
