"""Tiny values of every type that is stored, by the name of the materializer that stores them.

Each function makes values that together show everything that the materializer notes and draws. It skips its test where
the library is not installed.
"""

from __future__ import annotations

import dataclasses
import os
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@dataclasses.dataclass
class Window:
    """A dataclass."""

    start: int


def library(name: str) -> Any:
    """A library, or a skip."""
    return pytest.importorskip(name)


def _json(_: Path) -> list[Any]:
    return [1, "text", [1, 2], Window(3), None, 1 + 2j]


def _columns(_: Path) -> list[Any]:
    return [[float(number) for number in range(300)]]


def _nested(_: Path) -> list[Any]:
    numpy = library("numpy")
    return [{"a": numpy.arange(3)}, numpy.array(["a", "b", None], dtype=object), [numpy.arange(2)]]


def _nested_pickled(_: Path) -> list[Any]:
    return [{"a": Opaque(), "b": 1}, library("numpy").array([Opaque(), "a"], dtype=object)]


def _cloudpickle(_: Path) -> list[Any]:
    return [Opaque(), library("numpy").ma.masked_array([Opaque()], [True]), Estimator()]


class Opaque:
    """Nothing stores it but a pickle."""


class Estimator:
    """Behaves like a trained model of no known library."""

    classes_ = (0, 1)
    n_features_in_ = 2

    def fit(self) -> None:
        """Nothing."""

    def get_params(self, deep: bool = True) -> dict[str, int]:
        return {"depth": 3}


def _numpy(_: Path) -> list[Any]:
    numpy = library("numpy")
    return [
        *(numpy.array([1.0, numpy.nan, 3.0]), numpy.zeros((4, 4, 3), "u1"), numpy.array(["a", "a", "b"])),
        *(numpy.array("2026-01-01", "M8[D]").reshape(1), numpy.zeros(0), numpy.arange(1_000_003)),
    ]


def _numpy_parts(_: Path) -> list[Any]:
    return [library("numpy").ma.masked_array([1, 2], [True, False])]


def _pandas(_: Path) -> list[Any]:
    pandas = library("pandas")
    frame = pandas.DataFrame({"n": [1.0, 2.0, None], "t": ["a", "b", None]})
    return [frame, frame["n"], frame.index, pandas.Categorical(["a"])]


def _pyarrow(_: Path) -> list[Any]:
    pyarrow = library("pyarrow")
    return [pyarrow.table({"n": [1.0, 2.0, None]}), pyarrow.array([1, 2])]


def _polars(_: Path) -> list[Any]:
    return [library("polars").DataFrame({"n": [1.0, 2.0, None], "t": ["a", "b", None]})]


def _polars_series(_: Path) -> list[Any]:
    return [library("polars").Series("n", [1.0, 2.0, None])]


def _polars_lazy(_: Path) -> list[Any]:
    return [library("polars").LazyFrame({"n": [1.0, 2.0]})]


def _sparse(_: Path) -> list[Any]:
    sparse = library("scipy.sparse")
    return [sparse.csr_matrix([[0.0, 1.0], [2.0, 0.0]]), sparse.coo_array([[0, 1], [2, 0]])]


def _datasets(_: Path) -> list[Any]:
    return [library("datasets").Dataset.from_dict({"n": [1, 2], "t": ["a", "b"]})]


def _texts(kind: str) -> Callable[[Path], list[Any]]:
    def make(_: Path) -> list[Any]:
        return [getattr(library("runlore.types"), kind)("a,b\n1,2\n" if kind == "CSVString" else "[1]")]

    return make


def _path(folder: Path) -> list[Any]:
    texts = {"a.md": "# a", "b.csv": "a,b", "c.json": "{}", "d.svg": "<svg/>", "e.txt": "text"}
    for name, text in texts.items():
        (folder / name).write_text(text)
    with wave.open(str(folder / "f.wav"), "wb") as sound:
        sound.setparams((1, 2, 8_000, 0, "NONE", "not compressed"))
        sound.writeframes(bytes(2 * 800))
    return [folder / name for name in (*texts, "f.wav")]


def _folder(folder: Path) -> list[Any]:
    (folder / "files" / "below").mkdir(parents=True)
    (folder / "files" / "below" / "file.txt").write_text("text")
    return [folder / "files"]


def _image(_: Path) -> list[Any]:
    return [library("PIL.Image").new("RGB", (4, 3))]


def _matplotlib(_: Path) -> list[Any]:
    figure = library("matplotlib.figure").Figure()
    figure.subplots().plot([1, 2])
    return [figure]


def _plotly(_: Path) -> list[Any]:
    return [library("plotly.graph_objects").Figure({"data": [{"type": "bar", "y": [1, 2]}]})]


def _sklearn(_: Path) -> list[Any]:
    linear = library("sklearn.linear_model")
    rows = library("pandas").DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 1.0]})
    pipe = library("sklearn.pipeline").make_pipeline(library("sklearn.preprocessing").StandardScaler(), linear.Ridge())
    return [linear.LogisticRegression().fit(rows, [0, 1, 1]), pipe.fit(rows, [0.0, 1.0, 1.0])]


def _tensor(_: Path) -> list[Any]:
    torch = library("torch")
    return [torch.arange(3.0), torch.zeros(2, 2, dtype=torch.int64)]


def _state_dict(_: Path) -> list[Any]:
    return [library("torch").nn.Linear(2, 1).state_dict()]


def _tensors(_: Path) -> list[Any]:
    return [{"a": library("torch").arange(3.0)}]


def _module(_: Path) -> list[Any]:
    return [library("torch").nn.Linear(2, 1)]


def _torchscript(_: Path) -> list[Any]:
    torch = library("torch")
    return [torch.jit.script(torch.nn.Linear(2, 1))]


def _boosted(module: str, cls: str, **options: Any) -> Callable[[Path], list[Any]]:
    def make(_: Path) -> list[Any]:
        numpy = library("numpy")
        rows = numpy.arange(80.0).reshape(40, 2)
        return [getattr(library(module), cls)(**options).fit(rows, numpy.arange(40) % 2)]

    return make


def _keras(_: Path) -> list[Any]:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = library("keras")
    return [keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])]


def _tokenizer() -> Any:
    tokenizers = library("tokenizers")
    words = tokenizers.models.WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]")
    return tokenizers.Tokenizer(words)


def _transformers(_: Path) -> list[Any]:
    transformers = library("transformers")
    config = transformers.BertConfig(vocab_size=10, hidden_size=4, num_hidden_layers=1, num_attention_heads=1)
    return [transformers.PreTrainedTokenizerFast(tokenizer_object=_tokenizer()), config]


def _transformers_model(_: Path) -> list[Any]:
    transformers = library("transformers")
    sizes = {"vocab_size": 10, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1}
    return [transformers.BertModel(transformers.BertConfig(**sizes, intermediate_size=4))]


#: Name of a materializer → tiny values that it stores; they may lie in the folder that is given.
SAMPLES: dict[str, Callable[[Path], list[Any]]] = {
    "json": _json,
    "columns": _columns,
    "nested": _nested,
    "nested-pickled": _nested_pickled,
    "cloudpickle": _cloudpickle,
    "numpy": _numpy,
    "numpy-parts": _numpy_parts,
    "pandas": _pandas,
    "pyarrow": _pyarrow,
    "polars": _polars,
    "polars-series": _polars_series,
    "polars-lazy": _polars_lazy,
    "scipy-sparse": _sparse,
    "datasets": _datasets,
    "bytes": lambda _: [b"x" * 100_000],
    "bytearray": lambda _: [bytearray(100_000)],
    "memoryview": lambda _: [memoryview(b"x" * 100_000)],
    "memoryview-writable": lambda _: [memoryview(bytearray(100_000))],
    "text": lambda _: ["x" * 100_000],
    "html": _texts("HTMLString"),
    "markdown": _texts("MarkdownString"),
    "csv": _texts("CSVString"),
    "json-string": _texts("JSONString"),
    "path": _path,
    "folder": _folder,
    "image": _image,
    "matplotlib": _matplotlib,
    "plotly": _plotly,
    "sklearn": _sklearn,
    "tensor": _tensor,
    "state_dict": _state_dict,
    "tensors": _tensors,
    "module": _module,
    "torchscript": _torchscript,
    "xgboost": _boosted("xgboost", "XGBClassifier", n_estimators=2),
    "lightgbm": _boosted("lightgbm", "LGBMClassifier", n_estimators=2, verbose=-1),
    "catboost": _boosted("catboost", "CatBoostClassifier", iterations=2, verbose=False, allow_writing_files=False),
    "keras": _keras,
    "transformers": _transformers,
    "transformers_model": _transformers_model,
    "tokenizers": lambda _: [_tokenizer()],
}
#: Those whose libraries are large.
SLOW = {
    *("datasets", "tensor", "state_dict", "module", "torchscript", "xgboost", "lightgbm", "catboost", "keras"),
    *("tensors", "transformers", "transformers_model", "tokenizers"),
}
