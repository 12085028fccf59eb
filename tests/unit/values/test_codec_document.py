"""The page docs/design/codec.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from runlore.values import codec, columns, objects, registry

PAGE = (Path(__file__).parents[3] / "docs" / "design" / "codec.md").read_text(encoding="utf-8")


def test_the_version_is_the_codes() -> None:
    """The page carries the version of the rule that the code follows."""
    assert f"Version {codec.CODEC_VERSION} (" in PAGE


def test_every_tag_is_written_down() -> None:
    """Each tag that the code reads is on the page, and the page names no other."""
    rows = re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", PAGE, flags=re.MULTILINE)
    written = {tag for row in rows for tag in re.findall(r"`([a-z]+)`", row)} | set(re.findall(r'"~":"([a-z]+)"', PAGE))

    both = {"numpy", "path", "bytes", "bytearray", "memoryview"}
    assert (written - set(registry.names()) - {"list"}) | both == {
        *(*codec._DECODERS, *objects._DECODERS),
        *("array", "objects", "leaf", "pickled"),
        *("numbers", "scalars", *columns._DECODERS),
    }


def test_every_shipped_materializer_is_written_down() -> None:
    """Each materializer that ships with runlore has its row."""
    for name in ("json", "columns", "nested", "nested-pickled", "cloudpickle", *registry.SHIPPED):
        assert f"| `{name}` | " in PAGE
