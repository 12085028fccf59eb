"""Files and folders that stay where they are: what is recorded of them, and how it is noticed that they changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import ArtifactChanged, ArtifactCorrupt, ArtifactMissing, NameInvalid, ValueUnstorable
from runlore.model.digest import digest_of
from runlore.record import registered
from runlore.record.blobs.tree import File
from runlore.record.registered import Registered, RegisteredFiles, decode_registered, encode_registered


class Disk:
    """A home, its folder for files, and a clock that runs an hour ahead unless told otherwise."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = root / "home"
        self.files = self.home / "files"
        self.files.mkdir(parents=True)
        self.hashed: list[str] = []
        self.ahead = 3600
        plain = RegisteredFiles._hashed

        def counted(registered: RegisteredFiles, path: Path, name: str) -> tuple[str, int]:
            self.hashed.append(name)
            return plain(registered, path, name)

        monkeypatch.setattr(RegisteredFiles, "_hashed", counted)

    def opened(self) -> RegisteredFiles:
        """As another process opens it."""
        memo = self.home / "files-verified"
        return RegisteredFiles(self.files, self.home, memo, now=lambda: self._now())

    def _now(self) -> int:
        import time

        return time.time_ns() + self.ahead * 1_000_000_000

    def folder(self, **files: str) -> Path:
        """A folder with these files in the folder for files."""
        folder = self.files / "data"
        for name, text in files.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """A disk of the test's own."""
    return Disk(tmp_path, monkeypatch)


def test_a_folder_is_described_by_every_file(disk: Disk) -> None:
    """Name, digest and size of every file are taken, below the path relative to the folder for files."""
    folder = disk.folder(a="one", sub__b="two!")

    taken = disk.opened().take(folder)

    assert taken == Registered(
        path="data",
        folder=True,
        files=(File("a", digest_of(b"one"), 3), File("sub/b", digest_of(b"two!"), 4)),
    )
    assert taken.size == 7
    assert disk.opened().path(taken) == folder


def test_a_file_is_described_by_its_name(disk: Disk) -> None:
    """A single file is one entry, and its path is what it loads as; a `file:` URI names it as well."""
    file = disk.folder(a="one") / "a"

    taken = disk.opened().take(str(file))

    assert (taken.path, taken.folder, taken.files) == ("data/a", False, (File("a", digest_of(b"one"), 3),))
    assert disk.opened().path(taken) == file
    assert disk.opened().take(file.as_uri()) == taken


@given(
    st.binary(max_size=40), st.booleans(), st.lists(st.tuples(st.text("ab.é ", min_size=1), st.binary()), max_size=3)
)
def test_a_description_comes_back_as_it_went_in(path: bytes, folder: bool, files: list[tuple[str, bytes]]) -> None:
    """Whatever the path and the names, which need not be UTF-8, the manifest gives the description back."""
    entries = tuple(sorted({name: File(f"x{name}", digest_of(data), len(data)) for name, data in files}.values()))
    if not folder and len(entries) != 1:
        entries = (File("x", digest_of(b""), 0),)
    known = Registered(path=os.fsdecode(path), folder=folder, files=entries, links=(("", os.fsdecode(path)),))

    assert decode_registered(encode_registered(known), "x") == known


@pytest.mark.parametrize(
    "change",
    [
        {"format": "runlore-registered-9"},
        {"files": [["../a", digest_of(b""), 0]]},
        {"files": [["a", "sha256:1", 0]]},
        {"files": [["a", digest_of(b""), "0"]]},
        {"links": [["/a", "b"]]},
        {"links": [["a", 1]]},
        {"path": None},
        {"folder": 1},
        {"folder": False, "files": []},
    ],
)
def test_a_damaged_description_is_refused(change: dict[str, object]) -> None:
    """A manifest that is malformed, or whose names lead out of the folder, is corrupt."""
    good = {"format": registered.FORMAT, "path": "p", "folder": True, "files": [], "links": []}

    with pytest.raises(ArtifactCorrupt):
        decode_registered(json.dumps({**good, **change}).encode(), "x")
    assert decode_registered(json.dumps(good).encode(), "x").path == "p"


def test_what_changed_is_named(disk: Disk) -> None:
    """The first file that differs is named: changed at equal length or another, come, gone, or turned into a folder."""
    folder = disk.folder(a="one", b="two", c="three")
    taken = disk.opened().take(folder)

    def found() -> pytest.ExceptionInfo[Exception]:
        with pytest.raises((ArtifactChanged, ArtifactMissing)) as caught:
            disk.opened().path(taken)
        return caught

    (folder / "b").write_text("TWO")
    assert found().match("'b'.*of the same length") and found().type is ArtifactChanged
    (folder / "b").write_text("four")
    assert found().match("'b'.*had 3 bytes and has 4")
    (folder / "b").unlink()
    assert found().match("'b'.*is gone") and found().type is ArtifactMissing
    (folder / "b").mkdir()
    (folder / "b" / "x").write_text("")
    assert found().match("'b'.*is gone")
    (folder / "b" / "x").unlink()
    (folder / "b").rmdir()
    (folder / "b").write_text("two")
    (folder / "aa").write_text("")
    assert found().match("'aa' has come")
    (folder / "aa").unlink()
    assert disk.opened().path(taken) == folder


def test_what_is_not_there_any_more_is_missing(disk: Disk) -> None:
    """A folder that was deleted is missing, one that is a file now has changed."""
    folder = disk.folder(a="one")
    taken = disk.opened().take(folder)
    folder.rename(disk.files / "moved")

    with pytest.raises(ArtifactMissing, match="not there any more"):
        disk.opened().path(taken)
    folder.write_text("a file")
    with pytest.raises(ArtifactChanged, match="was a folder"):
        disk.opened().path(taken)


def test_a_missing_path_is_refused(disk: Disk) -> None:
    """Nothing can be registered where nothing is."""
    with pytest.raises(ArtifactMissing, match="nothing at .*none"):
        disk.opened().take(disk.files / "none")


def test_a_path_elsewhere_must_be_asked_for(disk: Disk, tmp_path: Path) -> None:
    """Outside of the folder for files, the message names both ways; asked for, the whole path is kept."""
    outside = tmp_path / "outside.txt"
    outside.write_text("x")

    with pytest.raises(ValueUnstorable, match=r"(?s)artifact_store\.path.*outside=True"):
        disk.opened().take(outside)
    taken = disk.opened().take(outside, outside=True)
    assert taken.path == str(outside) and disk.opened().path(taken) == outside


@pytest.mark.parametrize("name", [".", "home", "home/blobs"])
def test_the_record_itself_is_refused(disk: Disk, tmp_path: Path, name: str) -> None:
    """Neither the record's own files nor a folder that holds them can be registered: they change all the time."""
    (disk.home / "blobs").mkdir()

    with pytest.raises(ValueUnstorable, match="belongs to the record"):
        disk.opened().take(tmp_path / name, outside=True)


def test_what_is_elsewhere_is_refused(disk: Disk) -> None:
    """A URI of another machine is no local path, and what is no file cannot be registered."""
    with pytest.raises(ValueUnstorable, match="another machine"):
        disk.opened().take("s3://bucket/data")
    os.mkfifo(disk.files / "pipe")
    with pytest.raises(ValueUnstorable, match="neither a file nor a folder"):
        disk.opened().take(disk.files / "pipe")
    folder = disk.folder(a="x")
    os.mkfifo(folder / "pipe")
    with pytest.raises(ValueUnstorable, match="neither a file nor a folder"):
        disk.opened().take(folder)


def test_a_name_that_other_systems_cannot_write_is_refused(disk: Disk) -> None:
    """A file whose name could not be written elsewhere is refused by name."""
    folder = disk.folder(a="x")
    (folder / "back\\slash").write_text("")

    with pytest.raises(NameInvalid, match="backslash"):
        disk.opened().take(folder)


def test_links_within_a_folder_count_as_what_they_lead_to(disk: Disk) -> None:
    """A link to a file of the folder is a file, and which link it is belongs to what was registered."""
    folder = disk.folder(a="one", b="one", sub__c="three")
    (folder / "link").symlink_to("a")
    (folder / "also").symlink_to("sub")
    taken = disk.opened().take(folder)

    assert [file.name for file in taken.files] == ["a", "also/c", "b", "link", "sub/c"]
    assert taken.links == (("also", "sub"), ("link", "a"))
    (folder / "link").unlink()
    (folder / "link").symlink_to("b")
    with pytest.raises(ArtifactChanged, match="The link 'link'"):
        disk.opened().path(taken)
    (folder / "link").unlink()
    (folder / "link").write_text("one")
    with pytest.raises(ArtifactChanged, match="The link 'link'"):
        disk.opened().path(taken)


def test_links_out_of_a_folder_are_refused(disk: Disk, tmp_path: Path) -> None:
    """What a folder's link leads to must lie in the folder, when it is registered and whenever it is loaded."""
    folder = disk.folder(a="one")
    (tmp_path / "secret").write_text("one")
    (folder / "round").symlink_to(".")
    with pytest.raises(ValueUnstorable, match="a folder that it lies in"):
        disk.opened().take(folder)
    (folder / "round").unlink()
    taken = disk.opened().take(folder)
    (folder / "a").unlink()
    (folder / "a").symlink_to(tmp_path / "secret")

    with pytest.raises(ArtifactChanged, match="leads out of the folder"):
        disk.opened().path(taken)
    with pytest.raises(ValueUnstorable, match="leads out of the folder"):
        disk.opened().take(folder)


@pytest.mark.skipif(os.name == "nt", reason="links and names of POSIX")
@pytest.mark.parametrize("target", ["a", "nowhere"])
def test_links_that_lead_nowhere_are_refused(disk: Disk, target: str) -> None:
    """A link to itself or to nothing is not taken, and is a change where a file was."""
    folder = disk.folder(a="one")
    taken = disk.opened().take(folder)
    (folder / "a").unlink()
    (folder / "a").symlink_to(target)

    with pytest.raises(ValueUnstorable, match="a is a link that leads nowhere"):
        disk.opened().take(folder)
    with pytest.raises(ArtifactChanged, match="leads nowhere"):
        disk.opened().path(taken)


@pytest.mark.skipif(os.name == "nt", reason="links and names of POSIX")
def test_a_file_whose_name_cannot_be_kept_is_a_change(disk: Disk) -> None:
    """A folder to which such a file has come has changed, as with any other file."""
    folder = disk.folder(a="one")
    taken = disk.opened().take(folder)
    (folder / "back\\slash").write_text("")

    with pytest.raises(ArtifactChanged, match="backslash"):
        disk.opened().path(taken)


def test_a_replaced_link_is_noticed(disk: Disk) -> None:
    """A path that is a link must lead where it led, whatever lies there."""
    (disk.files / "one").mkdir()
    (disk.files / "two").mkdir()
    latest = disk.files / "latest"
    latest.symlink_to("one")
    taken = disk.opened().take(latest)
    assert taken.links == (("", "one"),) and disk.opened().path(taken) == latest

    latest.unlink()
    latest.symlink_to("two")
    with pytest.raises(ArtifactChanged, match="another link"):
        disk.opened().path(taken)
    latest.unlink()
    with pytest.raises(ArtifactChanged, match="another link"):
        disk.opened().path(taken)


def test_unchanged_files_are_hashed_once(disk: Disk) -> None:
    """A file whose inode, size and change time are as they were is not hashed again, in this process or a later one."""
    folder = disk.folder(a="one", b="two")
    taken = disk.opened().take(folder)
    disk.hashed.clear()

    disk.opened().path(taken)
    assert disk.hashed == []
    (folder / "b").write_text("two")
    opened = disk.opened()
    opened.path(taken)
    opened.path(taken)
    assert disk.hashed == ["b"]
    opened.verify(taken)
    assert disk.hashed == ["b", "a", "b"]


def test_a_file_changed_just_now_is_hashed_again(disk: Disk) -> None:
    """A change time below two seconds of age proves nothing, since a second write would leave no trace."""
    disk.ahead = 0
    folder = disk.folder(a="one")
    taken = disk.opened().take(folder)
    disk.hashed.clear()

    disk.opened().path(taken)

    assert disk.hashed == ["a"]


def test_equal_files_at_several_places_are_each_known(disk: Disk) -> None:
    """What is known of one file is not taken for another one of the same bytes."""
    folder = disk.folder(a="same", b="same")
    taken = disk.opened().take(folder)
    disk.hashed.clear()
    disk.opened().path(taken)
    assert disk.hashed == []

    inode = os.stat(folder / "b")
    (folder / "b").write_text("SAME")
    os.utime(folder / "b", ns=(inode.st_atime_ns, inode.st_mtime_ns))
    with pytest.raises(ArtifactChanged, match="'b'"):
        disk.opened().path(taken)


def test_a_file_that_is_written_to_meanwhile_is_refused(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that grows while it is hashed is no file to register."""
    file = disk.folder(a="one") / "a"
    plain = os.fstat

    def growing(descriptor: int) -> os.stat_result:
        status = plain(descriptor)
        with file.open("a") as more:
            more.write("!")
        return status

    monkeypatch.setattr(os, "fstat", growing)
    with pytest.raises(ArtifactChanged, match="written to while"):
        disk.opened().take(file)
