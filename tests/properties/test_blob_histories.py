from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from runlore.errors import ArtifactCorrupt, ArtifactMissing
from runlore.model.digest import digest_of
from runlore.record.blobs.local import LocalBlobs

DATA = st.one_of(st.binary(max_size=4), st.builds(lambda byte: bytes([byte]) * 1_200_000, st.integers(0, 2)))


class BlobHistories(RuleBasedStateMachine):
    """Any history of writing, deleting, damaging, sweeping and reopening agrees with a plain dict."""

    digests = Bundle("digests")

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.blobs = LocalBlobs(self.folder / "blobs", durability="relaxed")
        self.expected: dict[str, bytes] = {}
        self.damaged: set[str] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(target=digests, data=DATA)
    def put(self, data: bytes) -> str:
        digest = self.blobs.put(data)
        self.expected[digest] = data
        self.damaged.discard(digest)
        return digest

    @rule(data=DATA)
    def give_up(self, data: bytes) -> None:
        writer = self.blobs.writer(len(data))
        writer.write(data)
        writer.abort()

    @rule(digest=consumes(digests))
    def delete(self, digest: str) -> None:
        sizes = dict(self.blobs.list())
        assert self.blobs.delete(digest) == sizes.get(digest, 0)
        self.expected.pop(digest, None)
        self.damaged.discard(digest)

    @rule(digest=digests, data=DATA)
    def damage(self, digest: str, data: bytes) -> None:
        name = digest.removeprefix("sha256:")
        path = self.folder / "blobs" / "sha256" / name[:2] / name
        if digest in self.expected and digest_of(data) != digest:
            os.chmod(path, 0o600)
            path.write_bytes(data)
            self.damaged.add(digest)

    @rule(digest=digests)
    def read(self, digest: str) -> None:
        for read in (self.blobs.read, lambda name: self.blobs.path(name).read_bytes()):
            if digest not in self.expected:
                with pytest.raises(ArtifactMissing):
                    read(digest)
            elif digest in self.damaged:
                with pytest.raises(ArtifactCorrupt):
                    read(digest)
            else:
                assert read(digest) == self.expected[digest]

    @rule()
    def reopen(self) -> None:
        self.blobs = LocalBlobs(self.folder / "blobs", durability="relaxed")

    @rule()
    def sweep(self) -> None:
        assert self.blobs.sweep() == 0

    @invariant()
    def names_agree(self) -> None:
        assert {digest for digest, _ in self.blobs.list()} == set(self.expected)
        assert not list((self.folder / "blobs").glob("tmp/*"))


BlobHistories.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestBlobHistories = BlobHistories.TestCase
