from __future__ import annotations

import os
from pathlib import Path

import pytest

from runlore.record.blobs.local import LocalBlobs
from runlore.record.blobs.port import Blobs
from runlore.testing.blob_contract import BlobContract


class TestLocalBlobs(BlobContract):
    durability = "full"

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Blobs:
        return LocalBlobs(tmp_path / "store" / "blobs", durability=self.durability)

    def stored(self, blobs: Blobs) -> dict[str, bytes]:
        return {f"sha256:{path.name}": path.read_bytes() for path in Path(blobs.location).glob("sha256/??/*")}

    def damage(self, blobs: Blobs, digest: str, data: bytes) -> None:
        name = digest.removeprefix("sha256:")
        path = Path(blobs.location, "sha256", name[:2], name)
        os.chmod(path, 0o600)
        path.write_bytes(data)

    def leftovers(self, blobs: Blobs) -> int:
        return sum(1 for _ in Path(blobs.location).glob("tmp/*"))


class TestRelaxedLocalBlobs(TestLocalBlobs):
    durability = "relaxed"
