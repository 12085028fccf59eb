"""Which materializer stores a value, and which one a name means."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path, PurePath
from typing import Annotated, Any, Protocol

import numpy
import pandas
import pytest

from runlore.errors import DefinitionError, MissingExtra, ValueUnloadable
from runlore.testing.payloads import round_trip
from runlore.types import HTMLString
from runlore.values import registry
from runlore.values.materializer import Materializer, Reader, Writer
from runlore.values.registry import by_name, materializer_for, names, register, revision


class Temperature:
    def __init__(self, degrees: float) -> None:
        self.degrees = degrees


class Warm(Temperature): ...


class TextMaterializer(Materializer):
    """What a user writes."""

    name = "temperature-for-tests"
    types = (f"{__name__}.Temperature",)

    def save(self, value: Any, writer: Writer) -> None:
        writer.write(str(value.degrees).encode())

    def load(self, reader: Reader) -> Any:
        return Temperature(float(reader.read()))


class Unregistered(TextMaterializer):
    name = "unregistered-for-tests"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "json"),
        ({"a": (1, {2})}, "json"),
        (numpy.float32(1), "json"),
        (Path(__file__), "path"),
        (Path(__file__).parent, "folder"),
        (PurePath("a"), "json"),
        ([Path("a")], "json"),
        ("x" * 32_768, "json"),
        ("x" * 32_769, "text"),
        (bytes(4_096), "json"),
        (bytes(4_097), "bytes"),
        (bytearray(4_097), "bytearray"),
        (memoryview(bytes(4_097)), "memoryview"),
        (memoryview(bytearray(4_097)), "memoryview-writable"),
        (memoryview(bytes(8_000)).cast("d"), "json"),
        (HTMLString("<b>"), "html"),
        ({"a": HTMLString("<b>")}, "nested"),
        (numpy.zeros(2), "numpy"),
        (numpy.array([object()]), "nested-pickled"),
        (numpy.ma.masked_array([1]), "numpy-parts"),
        (pandas.DataFrame({"a": [1]}), "pandas"),
        (pandas.Series([1]), "pandas"),
        (pandas.Series([1j]), "pandas"),
        (pandas.Series([object()]), "cloudpickle"),
        (lambda: 1, "cloudpickle"),
        ([lambda: 1], "nested-pickled"),
        (Temperature(1.0), "temperature-for-tests"),
        (Warm(1.0), "temperature-for-tests"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_safest_fitting_one_is_chosen(value: Any, name: str) -> None:
    """The class decides, then its bases, then the codec; cloudpickle comes last, also for what its own one refuses."""
    assert materializer_for(value).name == name


def test_explicit_choice_wins() -> None:
    """What the user asks for wins, as a class, an instance or a name."""
    for explicit in (Unregistered, Unregistered(), "cloudpickle"):
        wanted = explicit if isinstance(explicit, str) else Unregistered.name
        assert materializer_for(Temperature(1.0), explicit=explicit).name == wanted
    with pytest.raises(DefinitionError, match="A materializer is a class"):
        materializer_for(1, explicit=3)  # type: ignore[arg-type]


def test_the_annotation_comes_before_the_class() -> None:
    """A materializer for the annotated class stores a value of a subclass, if the value is one."""

    class WarmMaterializer(TextMaterializer):
        name = "warm-for-tests"
        types = (f"{__name__}.Warm",)

    assert materializer_for(Warm(1.0)).name == "warm-for-tests"
    assert materializer_for(Warm(1.0), annotation=Annotated[Temperature | None, "x"]).name == "temperature-for-tests"
    assert materializer_for(Warm(1.0), annotation=int).name == "warm-for-tests"


def test_an_annotation_that_cannot_be_asked_says_nothing() -> None:
    """A protocol that is not checkable at run time leaves the choice to the value's class."""

    class Summable(Protocol):
        def sum(self) -> Any: ...

    for annotation in (Summable, Summable | None, Annotated[Summable, "x"]):
        assert materializer_for(numpy.arange(3), annotation=annotation).name == "numpy"


def test_a_built_in_class_may_have_one_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A materializer that is registered for a built-in class stores its values, annotated or not."""
    monkeypatch.setattr(registry, "_types", dict(registry._types))

    class PlainMaterializer(TextMaterializer):
        name = "plain-for-tests"
        types = (dict, int)

    assert materializer_for({"a": 1}).name == "plain-for-tests"
    assert materializer_for(3).name == "plain-for-tests"
    assert materializer_for("a").name == "json"


def test_values_come_back_through_the_chosen_one(tmp_path: Path) -> None:
    """A user's materializer stores and loads."""
    assert round_trip(materializer_for(Temperature(2.5)), Temperature(2.5), tmp_path).degrees == 2.5


def test_names_are_kept_apart() -> None:
    """A name means one class; the same class defined again takes its place and counts as a change."""
    before = revision()

    def define() -> type[Materializer]:
        class Again(TextMaterializer):
            name = "again-for-tests"
            types = ()

        return Again

    define()
    second = define()

    assert type(by_name("again-for-tests")) is second
    assert revision() > before
    with pytest.raises(DefinitionError, match="'again-for-tests' exists already"):
        register(type("Other", (TextMaterializer,), {"name": "again-for-tests"}))
    with pytest.raises(DefinitionError, match="'numpy' exists already"):
        register(type("Other", (TextMaterializer,), {"name": "numpy"}))


def test_a_name_of_its_own_is_not_needed() -> None:
    """A user's class without a name is known by where it is."""

    class Nameless(TextMaterializer):
        types = ()

    assert by_name(Nameless.name).name == f"{__name__}.{Nameless.__qualname__}"


def test_a_base_for_others_is_not_registered() -> None:
    """A class that leaves methods open is not registered, and disturbs nothing."""

    class Half(Materializer):
        name = "half-for-tests"
        types = (f"{__name__}.Temperature",)

        def load(self, reader: Reader) -> Any: ...

    assert "half-for-tests" not in names()
    assert materializer_for(Temperature(1.0)).name == "temperature-for-tests"


def test_an_unknown_name_suggests() -> None:
    """An unknown name is an error that suggests the likely one; so is a dotted one that leads nowhere."""
    with pytest.raises(ValueUnloadable, match="'numpi' here. Did you mean 'numpy'"):
        by_name("numpi")
    with pytest.raises(ValueUnloadable, match="nowhere_at_all.Thing does not exist"):
        by_name("nowhere_at_all.Thing")
    assert {"json", "numpy", "pandas", "cloudpickle"} <= set(names())


def test_entry_points_bring_materializers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A materializer that another package announces is found by its name."""
    entry = importlib.metadata.EntryPoint("x", f"{__name__}:Announced", registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry])
    monkeypatch.setattr(registry, "_entry_points_read", False)

    assert type(by_name("announced-for-tests")) is Announced


class Announced(TextMaterializer):
    name = "announced-for-tests"


def test_a_missing_library_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library is missing, the error says how to get it."""
    hologram = registry.SHIPPED["numpy"]._replace(module="nowhere_at_all", cls="X", types=(), extra="hologram")
    monkeypatch.setitem(registry.SHIPPED, "hologram", hologram)

    with pytest.raises(MissingExtra, match=r"needs nowhere_at_all: pip install 'runlore\[hologram\]'"):
        by_name("hologram")


def test_ones_own_materializer_of_a_shipped_class_stays_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever registers one for a class that several shipped ones take is asked alone, also once these were loaded."""
    monkeypatch.setitem(registry._types, "numpy.ma.MaskedArray", ())

    class Own(TextMaterializer):
        name = "own-arrays-for-tests"
        types = ("numpy.ma.MaskedArray",)

    value = numpy.ma.masked_array([1])
    assert materializer_for(value).name == "own-arrays-for-tests"
    register(type(by_name("numpy-parts")))
    assert materializer_for(value).name == "own-arrays-for-tests"
    assert materializer_for(numpy.zeros(2)).name == "numpy"


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("sklearn", "sklearn"),
        ("tensor", "torch"),
        ("state_dict", "torch"),
        ("module", "torch"),
        ("xgboost", "xgboost"),
        ("lightgbm", "lightgbm"),
        ("catboost", "catboost"),
        ("keras", "keras"),
        ("transformers", "transformers"),
        ("tokenizers", "tokenizers"),
    ],
)
def test_models_without_their_library_name_the_extra(name: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is loaded where its library is missing says which extra brings it."""
    shipped = registry.SHIPPED[name]
    monkeypatch.setitem(sys.modules, library, None)  # type: ignore[arg-type]
    monkeypatch.delitem(sys.modules, shipped.module, raising=False)
    monkeypatch.delitem(registry._names, name, raising=False)

    with pytest.raises(MissingExtra, match=rf"needs {library}: pip install 'runlore\[{shipped.extra}\]'"):
        by_name(name)


def test_nothing_heavy_is_imported() -> None:
    """Codec and registry bring neither numpy nor pandas nor cloudpickle, also when they store built-in values."""
    program = (
        "import sys; from runlore.values import codec, registry, checks, metadata, facts; "
        "registry.materializer_for({'a': (1,)}); checks.conforms(1, float); facts.facts('a', 1.5); "
        "print([m for m in ('numpy', 'pandas', 'pyarrow', 'cloudpickle', 'pydantic', 'zoneinfo') if m in sys.modules])"
    )

    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"
