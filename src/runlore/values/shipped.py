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
    #: What the payload is.
    format: str
    #: What else reads the payload.
    read_by: str
    #: For which values equal means an equal digest.
    digest: str
    #: The runlore extra that installs what it needs; empty for none.
    extra: str = ""
    #: Ending of the file that `download_files` writes; empty for a folder.
    ending: str = ""
    #: What `Materializer.metadata` notes: every key that it may note, of whatever value. ``None``: nobody has said.
    metadata: tuple[str, ...] | None = None
    #: Kinds of the pictures that it may draw. ``None``: nobody has said.
    pictures: tuple[str, ...] | None = None
    #: Loading may run code that came with the bytes, so it falls under the setting ``pickle``.
    runs_code: bool = False
    #: Importable names of classes; a dict of them under texts is asked for as well, whatever the class of the dict.
    dict_of: tuple[str, ...] = ()


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


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
        metadata=_words(
            "shape dtype min max mean std nan_count sampled unique_words total_words most_common_word most_common_count"
        ),
        pictures=("image",),
    ),
    "numpy-parts": Shipped(
        module="runlore.values.numpy_parts",
        cls="NumpyPartsMaterializer",
        types=("numpy.ndarray", "numpy.generic"),
        extra="numpy",
        format=".npz",
        read_by="numpy.load",
        ending=".npz",
        digest="equal arrays of one class, dtype and order, also under masks",
        metadata=_words(
            "shape dtype masked min max mean std nan_count sampled unique_words total_words"
            " most_common_word most_common_count"
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
        metadata=("shape", "dtype", "null_count", "min", "max", "mean", "std", "sampled"),
        pictures=("csv", "image"),
    ),
    "registered": Shipped(
        module="runlore.values.registered",
        cls="RegisteredMaterializer",
        types=(),
        format="files that stay where they are",
        read_by="whatever wrote them",
        digest="the same content at the same place",
        metadata=("path", "files"),
        pictures=("image", "html", "markdown", "csv", "json"),
    ),
    "bytes": Shipped(
        module="runlore.values.memory",
        cls="BytesMaterializer",
        types=("builtins.bytes",),
        format="the bytes themselves (shorter ones: json)",
        read_by="anything",
        ending=".bin",
        digest="equal bytes",
        metadata=("length",),
        pictures=("markdown",),
    ),
    "bytearray": Shipped(
        module="runlore.values.memory",
        cls="BytearrayMaterializer",
        types=("builtins.bytearray",),
        format="the bytes themselves (shorter ones: json)",
        read_by="anything",
        ending=".bin",
        digest="equal bytes",
        metadata=("length",),
        pictures=("markdown",),
    ),
    "memoryview": Shipped(
        module="runlore.values.memory",
        cls="ViewMaterializer",
        types=("builtins.memoryview",),
        format="the bytes themselves (shorter ones: json)",
        read_by="anything",
        ending=".bin",
        digest="equal bytes",
        metadata=("length",),
        pictures=("markdown",),
    ),
    "memoryview-writable": Shipped(
        module="runlore.values.memory",
        cls="WritableViewMaterializer",
        types=("builtins.memoryview",),
        format="the bytes themselves (shorter ones: json)",
        read_by="anything",
        ending=".bin",
        digest="equal bytes",
        metadata=("length",),
        pictures=("markdown",),
    ),
    "text": Shipped(
        module="runlore.values.strings",
        cls="TextMaterializer",
        types=("builtins.str",),
        format="UTF-8 text (shorter ones: json)",
        read_by="anything",
        ending=".txt",
        digest="equal texts",
        metadata=("length",),
        pictures=("markdown",),
    ),
    "html": Shipped(
        module="runlore.values.strings",
        cls="HTMLMaterializer",
        types=("runlore.types.HTMLString",),
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
        format="the file itself, under its name",
        read_by="whatever reads such a file",
        digest="equal names and bytes",
        metadata=("name", "size", "media_type", "duration", "rate", "channels"),
        pictures=("image", "html", "markdown", "csv", "json"),
    ),
    "folder": Shipped(
        module="runlore.values.paths",
        cls="FolderMaterializer",
        types=("pathlib.PosixPath", "pathlib.WindowsPath"),
        format="tree of the folder's files",
        read_by="whatever reads such files",
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
        digest="equal figures, under one version of plotly",
        metadata=("traces", "title"),
        pictures=("json",),
    ),
    "scipy-sparse": Shipped(
        module="runlore.values.sparse",
        cls="SparseMaterializer",
        types=("scipy.sparse.spmatrix", "scipy.sparse.sparray"),
        extra="scipy",
        format=".npz",
        read_by="scipy.sparse.load_npz (lil as csr, dok as coo), numpy.load",
        ending=".npz",
        digest="matrices of one format with the same stored members in the same order",
        metadata=("shape", "dtype", "format", "nnz", "density"),
        pictures=("image",),
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
        metadata=("shape", "dtype", "fields", "null_count", "nan_count", "min", "max", "mean", "std", "sampled"),
        pictures=("csv", "image"),
    ),
    "polars": Shipped(
        module="runlore.values.polars",
        cls="PolarsMaterializer",
        types=("polars.DataFrame",),
        extra="polars",
        format="Arrow IPC file",
        read_by="polars.read_ipc, pyarrow.ipc.open_file",
        ending=".arrow",
        digest="equal frames made alike, under one version of polars; without nulls, however they are chunked",
        metadata=("shape", "dtype", "null_count", "nan_count", "min", "max", "mean", "std", "sampled"),
        pictures=("csv",),
    ),
    "polars-series": Shipped(
        module="runlore.values.polars",
        cls="PolarsSeriesMaterializer",
        types=("polars.Series",),
        extra="polars",
        format="Arrow IPC file",
        read_by="polars.read_ipc, pyarrow.ipc.open_file",
        ending=".arrow",
        digest="as of polars",
        metadata=("shape", "dtype", "null_count", "nan_count", "min", "max", "mean", "std", "sampled"),
        pictures=("csv", "image"),
    ),
    "polars-lazy": Shipped(
        module="runlore.values.polars",
        cls="PolarsLazyMaterializer",
        types=("polars.LazyFrame",),
        extra="polars",
        format="Arrow IPC file",
        read_by="polars.read_ipc, pyarrow.ipc.open_file",
        ending=".arrow",
        digest="as of polars, of what the plan gives",
        metadata=("dtype", "plan"),
        pictures=("csv",),
    ),
    "datasets": Shipped(
        module="runlore.values.datasets",
        cls="DatasetsMaterializer",
        types=(
            "datasets.Dataset",
            "datasets.DatasetDict",
            "datasets.IterableDataset",
            "datasets.IterableDatasetDict",
        ),
        extra="datasets",
        format="folder of save_to_disk (Arrow)",
        read_by="datasets.load_from_disk",
        digest="datasets of equal rows, features and info, under one version of datasets",
        metadata=_words("shape features rows dtype null_count nan_count min max mean std sampled"),
        pictures=("csv",),
    ),
    "sklearn": Shipped(
        module="runlore.values.sklearn",
        cls="SklearnMaterializer",
        types=("sklearn.base.BaseEstimator",),
        extra="sklearn",
        format="pickle, signed",
        read_by="pickle.load, joblib.load",
        ending=".pkl",
        digest="estimators saved twice by one process, not ones trained twice",
        metadata=_words("class pickle fitted steps parameters n_features feature_names classes sklearn_version"),
        pictures=("html",),
        runs_code=True,
    ),
    "tensor": Shipped(
        module="runlore.values.torch",
        cls="TensorMaterializer",
        types=("torch.Tensor",),
        extra="torch",
        format="safetensors",
        read_by="safetensors.torch.load_file",
        ending=".safetensors",
        digest="equal tensors of one dtype and order in memory",
        metadata=_words("shape dtype device requires_grad layout stored_elements min max mean std nan_count sampled"),
        pictures=("image",),
    ),
    "state_dict": Shipped(
        module="runlore.values.torch",
        cls="StateDictMaterializer",
        types=(),
        dict_of=("torch.Tensor",),
        extra="torch",
        format="safetensors, with what a `state_dict()` notes of its modules",
        read_by="safetensors.torch.load_file",
        ending=".safetensors",
        digest="equal tensors under equal names in the same order",
        metadata=("tensors", "elements", "dtypes", "shapes"),
        pictures=("csv",),
    ),
    "tensors": Shipped(
        module="runlore.values.torch",
        cls="TensorsMaterializer",
        types=(),
        dict_of=("torch.Tensor",),
        extra="torch",
        format="safetensors",
        read_by="safetensors.torch.load_file",
        ending=".safetensors",
        digest="equal tensors under equal names in the same order",
        metadata=("tensors", "elements", "dtypes", "shapes"),
        pictures=("csv",),
    ),
    "module": Shipped(
        module="runlore.values.modules",
        cls="ModuleMaterializer",
        types=("torch.nn.modules.module.Module",),
        extra="torch",
        format="folder: tensors as safetensors, their structure as a signed pickle",
        read_by="safetensors.torch.load_file (the tensors)",
        digest="modules saved twice by one process",
        metadata=_words("class pickle parameters trainable buffers dtypes training layers torch_version"),
        pictures=("csv",),
        runs_code=True,
    ),
    "torchscript": Shipped(
        module="runlore.values.modules",
        cls="ScriptMaterializer",
        types=("torch.jit._script.ScriptModule",),
        extra="torch",
        format="TorchScript archive, signed",
        read_by="torch.jit.load",
        ending=".pt",
        digest="none",
        metadata=("class", "parameters", "training", "torch_version"),
        pictures=("markdown",),
        runs_code=True,
    ),
    "xgboost": Shipped(
        module="runlore.values.xgboost",
        cls="XgboostMaterializer",
        types=("xgboost.core.Booster", "xgboost.sklearn.XGBModel"),
        extra="xgboost",
        format="folder: UBJSON model, configuration and attributes",
        read_by="xgboost.Booster(model_file=…)",
        digest="models trained alike on one machine",
        metadata=_words(
            "class fitted parameters n_features feature_names classes rounds best_iteration best_score xgboost_version"
        ),
        pictures=("csv",),
    ),
    "lightgbm": Shipped(
        module="runlore.values.lightgbm",
        cls="LightgbmMaterializer",
        types=("lightgbm.basic.Booster", "lightgbm.sklearn.LGBMModel"),
        extra="lightgbm",
        format="folder: text model and attributes",
        read_by="lightgbm.Booster(model_file=…)",
        digest="models trained alike on one machine",
        metadata=_words(
            "class fitted parameters n_features feature_names classes rounds best_iteration lightgbm_version"
        ),
        pictures=("csv",),
    ),
    "catboost": Shipped(
        module="runlore.values.catboost",
        cls="CatboostMaterializer",
        types=("catboost.core.CatBoost",),
        extra="catboost",
        format="folder: cbm model and attributes",
        read_by="catboost.CatBoost().load_model",
        digest="one model saved twice; its file holds when it was trained",
        metadata=_words(
            "class fitted parameters n_features feature_names classes rounds best_iteration catboost_version"
        ),
        pictures=("csv",),
    ),
    "keras": Shipped(
        module="runlore.values.keras",
        cls="KerasMaterializer",
        types=("keras.src.models.model.Model",),
        extra="keras",
        format="folder: the members of a .keras archive, signed",
        read_by="keras.saving.load_model",
        digest="models of equal names, settings and weights",
        metadata=_words("class built parameters trainable layers optimizer loss backend keras_version"),
        pictures=("csv",),
        runs_code=True,
    ),
    "transformers_model": Shipped(
        module="runlore.values.transformers",
        cls="TransformerMaterializer",
        types=("transformers.modeling_utils.PreTrainedModel",),
        extra="transformers",
        format="folder as save_pretrained writes it, safetensors",
        read_by="transformers.AutoModel.from_pretrained",
        digest="models of equal configuration and weights",
        metadata=("class", "model_type", "parameters", "trainable", "dtype", "training", "transformers_version"),
        pictures=("json",),
    ),
    "transformers": Shipped(
        module="runlore.values.transformers",
        cls="PretrainedMaterializer",
        types=("transformers.utils.hub.PushToHubMixin",),
        extra="transformers",
        format="folder as save_pretrained writes it",
        read_by="transformers.AutoTokenizer.from_pretrained and the like",
        digest="tokenizers and configurations of equal settings",
        metadata=("class", "vocabulary", "special_tokens", "model_type", "transformers_version"),
        pictures=("json",),
    ),
    "tokenizers": Shipped(
        module="runlore.values.tokenizers",
        cls="TokenizersMaterializer",
        types=("tokenizers.Tokenizer",),
        extra="transformers",
        format="JSON",
        read_by="tokenizers.Tokenizer.from_file",
        ending=".json",
        digest="tokenizers of equal settings",
        metadata=("model", "vocabulary", "tokenizers_version"),
        pictures=("json",),
    ),
}

#: The materializers that need no library and are always there, which the registry asks after all others.
BUILT_IN: dict[str, Shipped] = {
    "json": Shipped(
        module="runlore.values.builtin",
        cls="BuiltinMaterializer",
        types=("whatever the typed codec carries: numbers, texts, containers, dates, dataclasses, enums, models, …",),
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
        format="typed text and the leaves",
        read_by="the codec's page",
        ending=".nested",
        digest="equal values of equal types",
        metadata=_words(
            "string_representation length fields shape dtype unique_words total_words most_common_word"
            " most_common_count"
        ),
        pictures=("json",),
    ),
    "nested-pickled": Shipped(
        module="runlore.values.nested",
        cls="NestedPickledMaterializer",
        types=("the same, with members that only a pickle holds",),
        format="typed text and the leaves, one of them a pickle",
        read_by="the codec's page",
        ending=".nested",
        digest="nothing: equal values may have different pickles",
        metadata=_words(
            "string_representation length fields shape dtype pickle unique_words total_words"
            " most_common_word most_common_count"
        ),
        pictures=(),
        runs_code=True,
    ),
    "cloudpickle": Shipped(
        module="runlore.values.pickled",
        cls="CloudpickleMaterializer",
        types=("everything else",),
        format="pickle, protocol 5",
        read_by="pickle.load, with cloudpickle installed",
        ending=".pkl",
        digest="nothing: equal values may have different pickles",
        metadata=("class", "pickle", "shape", "dtype", "parameters", "n_features", "feature_names", "classes"),
        pictures=(),
        runs_code=True,
    ),
}

#: Classes whose values are no data → what to do instead.
REFUSED: dict[str, str] = {
    "lightning.pytorch.trainer.trainer.Trainer": (
        "It holds processes, devices and open files. Return trainer.model, its state_dict(), or a checkpoint's path."
    ),
    "pytorch_lightning.trainer.trainer.Trainer": (
        "It holds processes, devices and open files. Return trainer.model, its state_dict(), or a checkpoint's path."
    ),
    "transformers.trainer.Trainer": "It holds devices and data. Return trainer.model, and the tokenizer beside it.",
    "transformers.pipelines.base.Pipeline": (
        "Its parts are kept by themselves. Return pipeline.model and pipeline.tokenizer, then make it again."
    ),
}
