"""What the table of types says of each materializer is so, for a tiny value of every class that it takes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from runlore.errors import MissingExtra
from runlore.record.blobs.local import LocalBlobs
from runlore.record.memory import MemoryRecord
from runlore.record.vault import Vault
from runlore.testing.type_samples import SAMPLES, SLOW
from runlore.values import codec
from runlore.values.pictures import KINDS, drawn
from runlore.values.registry import by_name
from runlore.values.shipped import BUILT_IN, SHIPPED, Shipped

TABLE = {**BUILT_IN, **SHIPPED}

#: What runlore notes besides a materializer.
_OWN = {"mac", "written_by"}


#: What `register_artifact` records, of which no value is stored.
IN_PLACE = {"registered"}


def _named(name: str) -> Any:
    return pytest.param(name, marks=pytest.mark.slow if name in SLOW else ())


def test_every_entry_is_whole() -> None:
    """Whoever adds a materializer says what it notes and draws, and gives a tiny value to see that it is so."""
    unsaid = [name for name, one in TABLE.items() if one.metadata is None or one.pictures is None]
    without = [name for name in TABLE if name not in {*SAMPLES, *IN_PLACE}]

    assert unsaid == [], "give them metadata= and pictures= in runlore.values.shipped"
    assert without == [], "give them a tiny value in runlore.testing.type_samples"
    assert {kind for one in TABLE.values() for kind in one.pictures or ()} <= set(KINDS)
    assert not {key for key in TABLE if key in SHIPPED and key in BUILT_IN}


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # Keras with new numpy
@pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated")
@pytest.mark.parametrize("name", [_named(name) for name in SAMPLES if name in TABLE])
def test_an_entry_says_what_is_so(name: str, tmp_path: Path) -> None:
    """A tiny value is stored by this materializer, and notes and draws what the table says, and no more."""
    told = TABLE[name]
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path / "blobs"), key=b"k" * 32)
    noted: set[str] = set()
    pictured: set[str] = set()
    for value in SAMPLES[name](tmp_path):
        content = vault.store(value)
        assert content.materializer == name
        materializer = by_name(name)
        vault.load(content)
        noted |= set(codec.decode(content.meta)) - _OWN
        pictured |= {picture.kind for picture in drawn(materializer, value)}
    _check(told, materializer)

    assert noted <= set(told.metadata or ()), f"metadata={tuple(sorted(noted))}"
    assert pictured == set(told.pictures or ()), f"pictures={tuple(sorted(pictured))}"


def _check(told: Shipped, materializer: Any) -> None:
    cls = getattr(importlib.import_module(told.module), told.cls)
    assert type(materializer) is cls
    assert cls.runs_code == told.runs_code
    assert (cls.extra or "") == told.extra


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_missing_library_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library of a materializer is missing, the error names the extra that brings it."""
    if not SHIPPED[name].extra:
        pytest.skip("it needs no library")
    from runlore.values import registry

    def missing(module: str) -> Any:
        raise ImportError(f"No module named {module!r}", name="library")

    monkeypatch.setattr(registry.importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match=rf"library.*pip install 'runlore\[{SHIPPED[name].extra}\]'"):
        registry._shipped(name)
