"""Registered: files and folders that stay where they are; their value is the path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runlore.errors import ValueUnstorable
from runlore.values.materializer import Materializer, Picture, Reader, Writer
from runlore.values.paths import FolderMaterializer, PathMaterializer


class RegisteredMaterializer(Materializer):
    """Gives the path itself, when everything there is as it was registered. Read it, do not write to it."""

    name = "registered"

    def takes(self, value: Any) -> bool:
        return False

    def save(self, value: Any, writer: Writer) -> None:
        raise ValueUnstorable("Files that stay where they are are recorded by register_artifact(path, name=...).")

    def load(self, reader: Reader) -> Path:
        return reader.path()

    def pictures(self, value: Any) -> Sequence[Picture]:
        """As of a file or folder that is stored."""
        return (FolderMaterializer() if value.is_dir() else PathMaterializer()).pictures(value)
