"""What decides, beside the step's own code, whether a result is served: values, their classes, and what stores them."""

from __future__ import annotations

import datetime
import decimal
import enum
import sys
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from runlore import pipeline, step
from runlore.author.current import use_workspace
from runlore.settings import Settings
from runlore.workspace import Workspace


class Colour(enum.Enum):
    RED = 1


class Fruit(enum.Enum):
    RED = 1


@dataclass
class Size:
    x: Any = 1


@dataclass
class Weight:
    x: Any = 1


Pair = namedtuple("Pair", "a b")  # noqa: PYI024
UTC = datetime.UTC
EAST = datetime.timezone(datetime.timedelta(hours=1))


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of the test's own, in force for pipelines."""
    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    with use_workspace(opened):
        yield opened
    opened.close()


@step
def take(x: Any) -> int:
    return 1


@pipeline
def taking(x: Any) -> None:
    take(x)


#: Values that programs can tell apart, though many of them are equal.
DISTINCT: list[Any] = [
    1, 1.0, True, "1", 1 + 0j, np.int64(1), np.int32(1), np.float64(1), np.float32(1), np.bool_(True),
    0, 0.0, -0.0, False, float("nan"), None, "None", "", b"", [], (), {}, set(),
    [1], (1,), {1}, frozenset([1]), [1.0], [True], {1.0}, {"a": [1, {"b": (2,)}]}, {"a": [1, {"b": [2]}]},
    {1: 2, 3: 4}, {3: 4, 1: 2}, OrderedDict({1: 2, 3: 4}), {"1": 2}, {1: 2}, {1.0: 2}, {True: 2},
    Path("a"), "a", b"a", bytearray(b"a"), Pair(1, 2), (1, 2), [1, 2], range(1, 3),
    datetime.datetime(2030, 1, 1, 12, tzinfo=UTC), datetime.datetime(2030, 1, 1, 13, tzinfo=EAST),
    datetime.datetime(2030, 1, 1, 12), datetime.datetime(2030, 1, 1, 12, fold=1), datetime.date(2030, 1, 1),
    decimal.Decimal("1"), decimal.Decimal("1.0"), decimal.Decimal("1.00"),
    Colour.RED, Fruit.RED, Size(), Weight(), Size(1.0), "\u00e9", "e\u0301", 10**30, 1e30, int, float,
]  # fmt: skip


def test_parameters_that_differ_in_any_way_are_told_apart() -> None:
    """Each of these values is another parameter, and each is itself again when it comes back."""
    assert [taking(value).status for value in DISTINCT] == ["completed"] * len(DISTINCT)
    assert [taking(value).status for value in DISTINCT] == ["cached"] * len(DISTINCT)


def _frame(**options: Any) -> pd.DataFrame:
    return pd.DataFrame({"a": [1, 2]}, **options)


INPUTS: dict[str, Callable[[], Any]] = {
    "array": lambda: np.array([1, 2]),
    "dtype": lambda: np.array([1, 2], dtype="i4"),
    "byte order": lambda: np.array([1, 2], dtype=">i8"),
    "floats": lambda: np.array([1.0, 2.0]),
    "negative zero": lambda: np.array([-0.0]),
    "zero": lambda: np.array([0.0]),
    "shape": lambda: np.array([[1, 2]]),
    "C order": lambda: np.ones((2, 3)),
    "F order": lambda: np.asfortranarray(np.ones((2, 3))),
    "array of nothing": lambda: np.array(1),
    "scalar": lambda: np.int64(1),
    "int": lambda: 1,
    "list": lambda: [1, 2],
    "tuple": lambda: (1, 2),
    "days": lambda: np.array(["2030-01-01"], dtype="M8[D]"),
    "years": lambda: np.array(["2030"], dtype="M8[Y]"),
    "frame": lambda: _frame(),
    "index": lambda: _frame(index=[1, 2]),
    "index of numbers": lambda: _frame(index=[0, 1]),
    "name of the index": lambda: _frame(index=pd.Index([0, 1], name="n")),
    "column dtype": lambda: _frame(dtype="i4"),
    "nullable dtype": lambda: _frame(dtype="Int64"),
    "objects": lambda: _frame(dtype=object),
    "categories": lambda: _frame().astype("category"),
    "column name": lambda: pd.DataFrame({"b": [1, 2]}),
    "series": lambda: pd.Series([1, 2]),
    "name of the series": lambda: pd.Series([1, 2], name="a"),
    "dict": lambda: {1: 2, 3: 4},
    "order of a dict": lambda: {3: 4, 1: 2},
}


def test_inputs_that_differ_in_any_way_are_told_apart() -> None:
    """Each of these values is another input, however equal their elements are, and the same one is served again."""

    @step(enable_cache=False)
    def give(name: str) -> Any:
        return INPUTS[name]()

    @pipeline
    def handing(name: str) -> None:
        take(give(name))

    first = {name: handing(name).steps["take"].status for name in INPUTS}
    second = {name: handing(name).steps["take"].status for name in INPUTS}

    assert [name for name, status in first.items() if status != "completed"] == []
    assert [name for name, status in second.items() if status != "cached"] == []


@pytest.fixture
def work() -> Iterator[ModuleType]:
    """A module of the project that can be edited in place."""
    module = ModuleType("served_work")
    sys.modules["served_work"] = module
    yield module
    del sys.modules["served_work"]


MODEL = """
class Model:
    def __init__(self, n):
        self.n = n

    def score(self):
        return self.n
"""


def test_the_class_of_mapped_results_counts(work: ModuleType) -> None:
    """A step that takes a whole collection runs again when the class of its elements changes."""
    exec(MODEL, vars(work))

    @step(enable_cache=False)
    def fit(n: int) -> Any:
        return sys.modules["served_work"].Model(n)

    @step
    def best(models: list[Any]) -> int:
        return max(model.score() for model in models)

    @pipeline
    def choosing() -> Any:
        return best(fit.map([1, 2]))

    assert choosing().output.load() == 2
    assert choosing().steps["best"].status == "cached"
    exec(MODEL.replace("return self.n", "return -self.n"), vars(work))

    assert choosing().output.load() == -1


FITTED = """
from dataclasses import dataclass
from typing import Any

@dataclass
class Fitted:
    weights: Any

    def score(self):
        return float(self.weights.sum())
"""


@pytest.mark.parametrize("rows", [3, 200_000])
def test_the_class_around_an_array_counts(work: ModuleType, rows: int) -> None:
    """A step that takes an object with an array in it runs again when the object's class changes, large or small."""
    exec(FITTED, vars(work))

    @step(enable_cache=False)
    def fit(rows: int) -> Any:
        return sys.modules["served_work"].Fitted(np.ones(rows))

    @step
    def score(model: Any) -> float:
        return model.score()

    @pipeline
    def scoring() -> Any:
        return score(fit(rows))

    assert scoring().output.load() == rows
    assert scoring().steps["fit"].output.materializer == "nested"
    assert scoring().steps["score"].status == "cached"
    exec(FITTED.replace("return float", "return -float"), vars(work))

    assert scoring().output.load() == -rows


STORED = """
from runlore.values.materializer import Materializer

class Text:
    def __init__(self, text):
        self.text = text

class TextMaterializer(Materializer):
    name = "served-text"
    types = ("served_work.Text",)

    def save(self, value, writer):
        writer.write(value.text.encode())

    def load(self, reader):
        return Text(reader.read().decode())

def write() -> Text:
    return Text("abc")
"""


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [("value.text.encode()", "value.text.upper().encode()", "ABC"), ("decode())", "decode() + '!')", "abc!")],
)
def test_the_code_of_a_materializer_counts(work: ModuleType, old: str, new: str, result: str) -> None:
    """A changed materializer of the project's runs again what it stores and what takes what it loads."""
    exec(STORED, vars(work))

    @step
    def read(text: Any) -> str:
        return str(text.text)

    @pipeline
    def storing() -> Any:
        return read(step(work.write)())

    assert storing().output.load() == "abc"
    assert storing().status == "cached"
    exec(STORED.replace(old, new), vars(work))

    assert storing().output.load() == result
