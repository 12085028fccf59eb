from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import ArtifactCorrupt, NameInvalid
from runlore.model.digest import digest_of
from runlore.record.blobs.tree import FORMAT, File, checked_file_name, decode_manifest, decode_tree, encode_manifest

BAD = [
    "", ".", "..", "/", "/etc/passwd", "../x", "a/../b", "a/..", "a//b", "a/", "./a", "a/./b", "\\", "a\\b", "..\\x",
    "C:", "C:/x", "c:x", "a\0b", "a\nb", "\x7f", "\ud800", "x" * 256, "é" * 128, "/".join(["abc"] * 1100),
]  # fmt: skip
GOOD = ["a", "a/b/c", "...", ".hidden", "a b", "ä/ö", "x" * 255, "con", "ab:c", "..a/b..", "%2e%2e/x", "~"]

names = st.lists(st.text("abAB.é -", min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)


@pytest.mark.parametrize("name", BAD)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    """A name that is absolute, climbs, or means different things on different systems is refused, written or read."""
    with pytest.raises(NameInvalid):
        checked_file_name(name)
    entry = [name, digest_of(b""), 0]
    with pytest.raises(ArtifactCorrupt, match="training/1/a"):
        decode_manifest(json.dumps({"format": FORMAT, "files": [entry]}).encode(), "training/1/a")


@pytest.mark.parametrize("name", GOOD)
def test_ordinary_names_pass(name: str) -> None:
    """Names that stay inside the tree are kept as they are."""
    assert checked_file_name(name) == name


def test_names_are_text() -> None:
    """Anything but a str is no name."""
    with pytest.raises(NameInvalid, match="bytes"):
        checked_file_name(b"a")


@given(st.dictionaries(names, st.binary(max_size=3), max_size=6), st.randoms())
def test_manifests_come_back(content: dict[str, bytes], chance: object) -> None:
    """A manifest reads back as written, does not depend on the order of writing, or is refused for its names."""
    files = [File(name, digest_of(data), len(data)) for name, data in content.items()]
    try:
        manifest = encode_manifest(files)
    except NameInvalid:
        prefixes = {"/".join(name.split("/")[:end]) for name in content for end in range(1, name.count("/") + 1)}
        odd = any(part in (".", "..") for name in content for part in name.split("/"))
        assert odd or prefixes & set(content)
        return

    assert decode_manifest(manifest, "it") == tuple(sorted(files))
    assert encode_manifest(reversed(files)) == manifest


def test_the_format_is_pinned() -> None:
    """The bytes of a manifest, and so its digest, never change within a version of the format."""
    manifest = encode_manifest([File("b/ä", digest_of(b"2"), 1), File("a", digest_of(b"1"), 1)])

    one, two = digest_of(b"1"), digest_of(b"2")
    assert manifest.decode() == f'{{"format":"runlore-tree-1","files":[["a","{one}",1],["b/ä","{two}",1]]}}'
    assert digest_of(encode_manifest([])) == digest_of(b'{"format":"runlore-tree-1","files":[]}')


@pytest.mark.parametrize("pair", [("a", "a"), ("a", "a/b"), ("x/y/z", "x/y")])
def test_names_must_stand_side_by_side(pair: tuple[str, str]) -> None:
    """A name cannot be there twice, nor be a file and a folder."""
    with pytest.raises(NameInvalid):
        encode_manifest([File(name, digest_of(b""), 0) for name in pair])


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"null", b"\xff", b"{}", b'{"format":"runlore-tree-2","files":[]}', b'{"format":"runlore-tree-1"}',
        b'{"format":"runlore-tree-1","files":[["a","md5:0",1]]}', b'{"format":"runlore-tree-1","files":[["a"]]}',
        b'{"format":"runlore-tree-1","files":[[1,"x",1]]}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_foreign_bytes_are_no_manifest(data: bytes) -> None:
    """Whatever is no manifest of this format is corrupt, and says of what."""
    with pytest.raises(ArtifactCorrupt, match="training/1/a"):
        decode_manifest(data, "training/1/a")


@given(st.dictionaries(names, st.booleans(), max_size=5), st.sets(names, max_size=3))
def test_empty_folders_and_executables_come_back(content: dict[str, bool], folders: set[str]) -> None:
    """A manifest with empty folders and executable files reads back as written, or is refused for its names."""
    files = [File(name, digest_of(b""), 0, runs) for name, runs in content.items()]
    try:
        manifest = encode_manifest(files, folders)
    except NameInvalid:
        taken = {*content, *folders}
        prefixes = {"/".join(name.split("/")[:end]) for name in taken for end in range(1, name.count("/") + 1)}
        odd = any(part in (".", "..") for name in taken for part in name.split("/"))
        assert odd or prefixes & taken or set(content) & folders
        return

    found = decode_tree(manifest, "it")
    assert found == (tuple(sorted(files)), tuple(sorted(folders)))
    assert encode_manifest(reversed(files), sorted(folders, reverse=True)) == manifest
    assert (b'"folders"' in manifest, b'"executable"' in manifest) == (bool(folders), any(content.values()))


@pytest.mark.parametrize(
    "more",
    [
        {"folders": ["../out"]},
        {"folders": ["a"]},
        {"folders": "x"},
        {"folders": [1]},
        {"executable": ["b"]},
        {"executable": ["a", "a"]},
        {"executable": {"a": 1}},
        {"executable": [["a"]]},
    ],
)
def test_what_a_manifest_says_more_is_checked(more: dict[str, object]) -> None:
    """A folder that leads elsewhere or is a file, and an executable that is not there, are damage."""
    body = {"format": FORMAT, "files": [["a", digest_of(b""), 0]], **more}
    with pytest.raises(ArtifactCorrupt, match="training/1/a"):
        decode_manifest(json.dumps(body).encode(), "training/1/a")
