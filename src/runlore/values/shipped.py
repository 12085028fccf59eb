"""Shipped: the materializers that come with runlore, known without importing what they need.

One entry each: where the class is, which values it takes, and what people want to know before they rely on it. The
table in `docs/reference/types.md` is written from here.
"""

from __future__ import annotations

from typing import NamedTuple


class Shipped(NamedTuple):
    """A materializer that runlore brings along."""

    #: Module and name of the class; imported when the first such value is met.
    module: str
    cls: str
    #: Importable names of the classes it takes, subclasses included.
    types: tuple[str, ...]
    #: The runlore extra that installs what it needs; empty for none.
    extra: str
    #: What the payload is.
    format: str
    #: What else reads the payload.
    read_by: str
    #: Ending of the file that `download_files` writes; empty for a folder.
    ending: str
    #: For which values equal means an equal digest.
    digest: str


#: Name in the record → the materializer of that name.
SHIPPED: dict[str, Shipped] = {
    "numpy": Shipped(
        module="runlore.values.numpy",
        cls="NumpyMaterializer",
        types=("numpy.ndarray",),
        extra="numpy",
        format=".npy",
        read_by="numpy.load",
        ending=".npy",
        digest="equal arrays of one dtype and order",
    ),
    "pandas": Shipped(
        module="runlore.values.pandas",
        cls="PandasMaterializer",
        types=("pandas.DataFrame", "pandas.Series", "pandas.Index", "pandas.Categorical"),
        extra="pandas",
        format="Arrow IPC stream, zstd",
        read_by="pyarrow.ipc.open_stream, polars.read_ipc_stream, DuckDB",
        ending=".arrow",
        digest="equal frames, under one version of pyarrow",
    ),
    "registered": Shipped(
        module="runlore.values.registered",
        cls="RegisteredMaterializer",
        types=(),
        extra="",
        format="files that stay where they are",
        read_by="whatever wrote them",
        ending="",
        digest="the same content at the same place",
    ),
}
