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
    #: What `Materializer.metadata` notes: every key that it may note, of whatever value. ``None``: nobody has said.
    metadata: tuple[str, ...] | None = None
    #: Kinds of the pictures that it may draw. ``None``: nobody has said.
    pictures: tuple[str, ...] | None = None
    #: Loading may run code that came with the bytes, so it falls under the setting ``pickle``.
    runs_code: bool = False


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
        metadata=(
            *("shape", "dtype", "min", "max", "mean", "std", "nan_count", "sampled"),
            *("unique_words", "total_words", "most_common_word", "most_common_count"),
        ),
        pictures=("image",),
    ),
    "pandas": Shipped(
        module="runlore.values.pandas",
        cls="PandasMaterializer",
        types=("pandas.DataFrame", "pandas.Series", "pandas.Index", "pandas.api.extensions.ExtensionArray"),
        extra="pandas",
        format="Arrow IPC stream, zstd",
        read_by="pyarrow.ipc.open_stream, polars.read_ipc_stream, DuckDB",
        ending=".arrow",
        digest="equal frames, under one version of pyarrow",
        metadata=("shape", "dtype", "min", "max", "mean", "std"),
        pictures=("csv",),
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
        metadata=("path", "files"),
        pictures=(),
    ),
    "bytes": Shipped(
        module="runlore.values.memory",
        cls="BytesMaterializer",
        types=("builtins.bytes",),
        extra="",
        format="the bytes themselves (shorter ones: json)",
        read_by="anything",
        ending=".bin",
        digest="equal bytes",
        metadata=("length",),
        pictures=(),
    ),
    "bytearray": Shipped(
        module="runlore.values.memory",
        cls="BytearrayMaterializer",
        types=("builtins.bytearray",),
        extra="",
        format="the bytes themselves (shorter ones: json)",
        read_by="anything",
        ending=".bin",
        digest="equal bytes",
        metadata=("length",),
        pictures=(),
    ),
    "memoryview": Shipped(
        module="runlore.values.memory",
        cls="ViewMaterializer",
        types=("builtins.memoryview",),
        extra="",
        format="the bytes themselves (shorter ones: json)",
        read_by="anything",
        ending=".bin",
        digest="equal bytes",
        metadata=("length",),
        pictures=(),
    ),
    "memoryview-writable": Shipped(
        module="runlore.values.memory",
        cls="WritableViewMaterializer",
        types=("builtins.memoryview",),
        extra="",
        format="the bytes themselves (shorter ones: json)",
        read_by="anything",
        ending=".bin",
        digest="equal bytes",
        metadata=("length",),
        pictures=(),
    ),
    "text": Shipped(
        module="runlore.values.strings",
        cls="TextMaterializer",
        types=("builtins.str",),
        extra="",
        format="UTF-8 text (shorter ones: json)",
        read_by="anything",
        ending=".txt",
        digest="equal texts",
        metadata=("length",),
        pictures=(),
    ),
    "html": Shipped(
        module="runlore.values.strings",
        cls="HTMLMaterializer",
        types=("runlore.types.HTMLString",),
        extra="",
        format="HTML, UTF-8",
        read_by="anything",
        ending=".html",
        digest="equal texts",
        metadata=("length", "lines"),
        pictures=("html",),
    ),
    "markdown": Shipped(
        module="runlore.values.strings",
        cls="MarkdownMaterializer",
        types=("runlore.types.MarkdownString",),
        extra="",
        format="Markdown, UTF-8",
        read_by="anything",
        ending=".md",
        digest="equal texts",
        metadata=("length", "lines"),
        pictures=("markdown",),
    ),
    "csv": Shipped(
        module="runlore.values.strings",
        cls="CSVMaterializer",
        types=("runlore.types.CSVString",),
        extra="",
        format="CSV, UTF-8",
        read_by="anything",
        ending=".csv",
        digest="equal texts",
        metadata=("length", "lines"),
        pictures=("csv",),
    ),
    "json-string": Shipped(
        module="runlore.values.strings",
        cls="JSONStringMaterializer",
        types=("runlore.types.JSONString",),
        extra="",
        format="JSON, UTF-8",
        read_by="anything",
        ending=".json",
        digest="equal texts",
        metadata=("length", "lines"),
        pictures=("json",),
    ),
    "path": Shipped(
        module="runlore.values.paths",
        cls="PathMaterializer",
        types=("pathlib.Path",),
        extra="",
        format="the file itself, under its name",
        read_by="whatever reads such a file",
        ending="",
        digest="equal names and bytes",
        metadata=("name", "size", "media_type", "duration", "rate", "channels"),
        pictures=("image", "html", "markdown", "csv", "json"),
    ),
    "folder": Shipped(
        module="runlore.values.paths",
        cls="FolderMaterializer",
        types=("pathlib.PosixPath", "pathlib.WindowsPath"),
        extra="",
        format="tree of the folder's files",
        read_by="whatever reads such files",
        ending="",
        digest="equal folders: names, bytes, empty folders, executable files",
        metadata=("name", "files", "size"),
        pictures=("csv",),
    ),
    "image": Shipped(
        module="runlore.values.images",
        cls="ImageMaterializer",
        types=("PIL.Image.Image",),
        extra="pillow",
        format="PNG; TIFF for pixels that PNG has not",
        read_by="anything that shows images",
        ending=".png",
        digest="equal images, under one version of pillow",
        metadata=("width", "height", "mode", "format"),
        pictures=("image",),
    ),
    "matplotlib": Shipped(
        module="runlore.values.figures",
        cls="MatplotlibMaterializer",
        types=("matplotlib.figure.Figure",),
        extra="plot",
        format="pickle",
        read_by="pickle, where one trusts it",
        ending=".pkl",
        digest="nothing: equal figures may have different pickles",
        metadata=("class", "pickle", "width", "height", "axes", "titles"),
        pictures=("image",),
        runs_code=True,
    ),
    "plotly": Shipped(
        module="runlore.values.plotly",
        cls="PlotlyMaterializer",
        types=("plotly.graph_objs._figure.Figure",),
        extra="plotly",
        format="plotly's JSON, and what it does not say exactly as nested",
        read_by="plotly.io.read_json, plotly.js",
        ending="",
        digest="equal figures, under one version of plotly",
        metadata=("traces", "title"),
        pictures=("json",),
    ),
}

#: The materializers that need no library and are always there, which the registry asks after all others.
BUILT_IN: dict[str, Shipped] = {
    "json": Shipped(
        module="runlore.values.builtin",
        cls="BuiltinMaterializer",
        types=("whatever the typed codec carries: numbers, texts, containers, dates, dataclasses, enums, models, …",),
        extra="",
        format="JSON with tags",
        read_by="any JSON parser",
        ending=".json",
        digest="equal values of equal types",
        metadata=("string_representation", "length", "fields"),
        pictures=("json",),
    ),
    "columns": Shipped(
        module="runlore.values.columns",
        cls="ColumnsMaterializer",
        types=("a list, tuple or dict that holds many numbers, moments, dataclasses or named tuples",),
        extra="",
        format="typed text and columns of numbers",
        read_by="the codec's page",
        ending=".columns",
        digest="equal values of equal types",
        metadata=("length",),
        pictures=("json",),
    ),
    "nested": Shipped(
        module="runlore.values.nested",
        cls="NestedMaterializer",
        types=("containers with arrays, frames and the like inside",),
        extra="",
        format="typed text and the leaves",
        read_by="the codec's page",
        ending=".nested",
        digest="equal values of equal types",
        metadata=(
            *("string_representation", "length", "fields", "shape", "dtype"),
            *("unique_words", "total_words", "most_common_word", "most_common_count"),
        ),
        pictures=(),
    ),
    "nested-pickled": Shipped(
        module="runlore.values.nested",
        cls="NestedPickledMaterializer",
        types=("the same, with members that only a pickle holds",),
        extra="",
        format="typed text and the leaves, one of them a pickle",
        read_by="the codec's page",
        ending=".nested",
        digest="nothing: equal values may have different pickles",
        metadata=(
            *("string_representation", "length", "fields", "shape", "dtype", "pickle"),
            *("unique_words", "total_words", "most_common_word", "most_common_count"),
        ),
        pictures=(),
        runs_code=True,
    ),
    "cloudpickle": Shipped(
        module="runlore.values.pickled",
        cls="CloudpickleMaterializer",
        types=("everything else",),
        extra="",
        format="pickle, protocol 5",
        read_by="pickle.load, with cloudpickle installed",
        ending=".pkl",
        digest="nothing: equal values may have different pickles",
        metadata=("class", "pickle", "shape", "dtype", "parameters", "n_features", "classes"),
        pictures=(),
        runs_code=True,
    ),
    "pyarrow": Shipped(
        module="runlore.values.arrow",
        cls="ArrowMaterializer",
        types=(
            "pyarrow.Table",
            "pyarrow.RecordBatch",
            "pyarrow.ChunkedArray",
            "pyarrow.Array",
            "pyarrow.Scalar",
            "pyarrow.Schema",
        ),
        extra="pyarrow",
        format="Arrow IPC stream",
        read_by="pyarrow.ipc.open_stream, polars.read_ipc_stream, DuckDB",
        ending=".arrow",
        digest="equal tables, however they are chunked, if what lies under their nulls is equal",
    ),
}
