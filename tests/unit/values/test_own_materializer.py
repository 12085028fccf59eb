"""Materializers of one's own, as a newcomer writes them: what works, and what mistakes say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest

from runlore import Client, pipeline, save_artifact, step
from runlore.errors import ConfigurationError, DefinitionError, ValueUnloadable, ValueUnstorable
from runlore.materializers import ArtifactType, Materializer, Picture, Reader, Writer, register
from runlore.values.registry import by_name

pytestmark = pytest.mark.usefixtures("home")


class Point:
    """A value of a project."""

    def __init__(self, x: int) -> None:
        self.x = x


class PointMaterializer(Materializer):
    """Stores a point as its number; `mood` makes it misbehave."""

    types = (Point,)
    artifact_type = ArtifactType.MODEL
    mood: ClassVar[str] = ""

    def save(self, value: Point, writer: Writer) -> None:
        if self.mood == "save":
            raise OSError("the disk is made of cheese")
        writer.write(str(value.x).encode())

    def load(self, reader: Reader) -> Point:
        if self.mood == "load":
            raise KeyError("x")
        return Point(int(reader.read()))

    def metadata(self, value: Point) -> Mapping[str, Any]:
        if self.mood == "metadata":
            raise ZeroDivisionError("no")
        return None if self.mood == "nothing" else {"x": value.x}  # type: ignore[return-value]

    def pictures(self, value: Point) -> list[Picture]:
        if self.mood == "pictures":
            raise RuntimeError("no paint")
        return [Picture("markdown", f"x is **{value.x}**".encode())]


@pytest.fixture(autouse=True)
def _calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PointMaterializer, "mood", "")


def test_defining_it_is_enough() -> None:
    """A class that names its types stores, loads, describes and pictures their values, in steps and by hand."""

    @step
    def made() -> Annotated[Point, "point"]:
        return Point(3)

    @pipeline
    def making() -> Any:
        return made()

    version = making().steps["made"].output

    assert version.load().x == 3 and version.metadata["x"] == 3
    assert version.artifact_type == "ModelArtifact" and version.pictures()[0].data == b"x is **3**"
    assert version.materializer == f"{__name__}.PointMaterializer" and not version.is_pickle


@pytest.mark.parametrize("mood", ["metadata", "nothing"])
def test_a_description_that_fails_fails_nothing(mood: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value is stored even if its description raises, or is none; its metadata says what happened."""
    monkeypatch.setattr(PointMaterializer, "mood", mood)
    version = save_artifact(Point(1), "point")

    assert version.load().x == 1
    assert ("ZeroDivisionError: no" if mood == "metadata" else "TypeError") in version.metadata["description_failed"]


def test_what_it_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of `save`, `load` or `pictures` names the materializer, the value and what was raised."""
    version = save_artifact(Point(1), "point")
    name = "PointMaterializer"

    monkeypatch.setattr(PointMaterializer, "mood", "save")
    with pytest.raises(ValueUnstorable, match=f"{name}.*Point: OSError: the disk is made of cheese"):
        save_artifact(Point(1), "point")
    monkeypatch.setattr(PointMaterializer, "mood", "load")
    with pytest.raises(ValueUnloadable, match=f"artifact:point@1.*{name}.*KeyError: 'x'"):
        version.load()
    monkeypatch.setattr(PointMaterializer, "mood", "pictures")
    assert f"{name}' could not draw it: RuntimeError: no paint" in version.pictures()[0].data.decode()


@pytest.mark.parametrize("types", ["package.Model", Point, (1,), ("package.Model", None)])
def test_types_are_checked_at_once(types: Any) -> None:
    """What cannot be a list of classes is an error where the class is defined, and disturbs nobody else."""
    with pytest.raises(DefinitionError, match=r"Wrong\.types is .*tuple of classes"):
        type("Wrong", (PointMaterializer,), {"types": types, "__qualname__": "Wrong"})

    assert save_artifact(Point(1), "point").load().x == 1


def test_an_artifact_type_is_checked_and_may_be_text() -> None:
    """`artifact_type` may be written as text; an unknown one lists those that there are."""
    named = type("Named", (PointMaterializer,), {"artifact_type": "ServiceArtifact"})

    assert named.artifact_type is ArtifactType.SERVICE
    with pytest.raises(DefinitionError, match="'Modle'.*ModelArtifact"):
        type("Wrong", (PointMaterializer,), {"artifact_type": "Modle"})


class Unfinished(Materializer):
    """Lacks `load`, so it is taken for a base of others."""

    def save(self, value: Any, writer: Writer) -> None:
        """Nothing."""


def test_an_unfinished_one_is_refused_by_name() -> None:
    """A class that does not define both methods cannot be chosen, and the error says which is missing."""
    with pytest.raises((DefinitionError, ConfigurationError), match=r"Unfinished cannot be made: .*load"):
        save_artifact(1, "number", materializer=Unfinished)
    with pytest.raises(DefinitionError, match="made without arguments"):
        register(type("Greedy", (PointMaterializer,), {"__init__": lambda self, wanted: None, "name": "greedy"}))


def test_one_from_a_script_says_where_it_was() -> None:
    """A name that only a script or function knew is an error that says so."""
    with pytest.raises(
        ValueUnloadable, match="in a script or notebook: run this in that program, or move it to a module"
    ):
        by_name("__main__.Mine")


PACKAGE = """
from runlore.materializers import Materializer

class Ring:
    def __init__(self, size):
        self.size = size

class RingMaterializer(Materializer):
    name = "ring-1"
    types = ("rings.Ring",)

    def save(self, value, writer):
        with writer.file("size.txt") as file:
            file.write(str(value.size).encode())

    def load(self, reader):
        return Ring(int(reader.file("size.txt")))
"""


def test_an_installed_package_brings_one(tmp_path: Path, home: Path) -> None:
    """A package announces its materializer as an entry point: nobody imports its module."""
    site = tmp_path / "site"
    info = site / "rings-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rings\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[runlore.materializers]\nring = rings_runlore:RingMaterializer\n")
    body = PACKAGE.split("class RingMaterializer")
    (site / "rings.py").write_text(body[0].split("\n", 2)[2])
    (site / "rings_runlore.py").write_text(
        "from rings import Ring\nfrom runlore.materializers import Materializer\n\nclass RingMaterializer" + body[1]
    )
    script = f"""
import sys
sys.path.insert(0, {str(site)!r})
"""
    first = "import rings, runlore\nprint(runlore.save_artifact(rings.Ring(5), 'ring').materializer)\n"
    second = "import runlore\nprint(runlore.load_artifact('ring').size)\n"
    printed = [
        subprocess.run([sys.executable, "-c", script + code], capture_output=True, text=True, check=True).stdout.strip()
        for code in (first, second)
    ]

    assert printed == ["ring-1", "5"]
    with pytest.raises(ValueUnloadable, match="'ring-1'.*install the package"):
        Client().get_artifact_version("ring").load()
