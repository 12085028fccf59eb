"""Hugging Face transformers: models, tokenizers, configurations, processors, by ``save_pretrained`` into a folder.

Nothing is fetched, no code that comes with a model is run, and classes are found among those that transformers offers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import transformers
from transformers.utils import PushToHubMixin
from transformers.utils import logging as transformers_logging

from runlore.errors import ValueUnloadable
from runlore.values.files import scratch_folder, take_folder
from runlore.values.materializer import ArtifactType, Declined, Materializer, Picture, Reader, Writer

#: What ``save_pretrained`` leaves out.
_ABOUT = "runlore.json"
_CONFIG = "config.json"
#: Ways to compute attention that every machine has.
_ATTENTION = ("eager", "sdpa")
_PICTURED = 100_000
#: Where torch's own tensors begin is a multiple of this.
_ALIGNED = 64


class PretrainedMaterializer(Materializer):
    """Stores tokenizers, configurations, feature extractors, image processors and processors of transformers."""

    name = "transformers"
    types = ("transformers.utils.hub.PushToHubMixin",)
    extra = "transformers"

    def takes(self, value: Any) -> bool:
        cls = type(value)
        return _offered(cls.__name__) is cls and hasattr(cls, "from_pretrained") and hasattr(cls, "save_pretrained")

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined(f"{type(value).__qualname__} is no class of transformers' own.")
        _save(value, writer, {})

    def load(self, reader: Reader) -> Any:
        about = _about(reader)
        value = _from_pretrained(about, reader, PushToHubMixin, {})
        if isinstance(getattr(value, "name_or_path", None), str):
            value.name_or_path = about["name_or_path"]
        return value

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say its ``class`` and the release; of a tokenizer ``vocabulary``, how many words, and ``special_tokens``."""
        found: dict[str, Any] = {"class": f"{type(value).__module__}.{type(value).__qualname__}"}
        if isinstance(value, transformers.PreTrainedTokenizerBase):
            with suppress(Exception):  # some tokenizers cannot count
                found["vocabulary"] = len(value)
            found["special_tokens"] = {str(name): str(token) for name, token in value.special_tokens_map.items()}
        kind = getattr(value, "model_type", None)
        if isinstance(kind, str) and kind:
            found["model_type"] = kind
        return found | {"transformers_version": str(transformers.__version__)}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The settings as JSON, unless they are too long to look at."""
        settings = getattr(value, "to_json_string", None)
        if not callable(settings):
            return ()
        data = str(settings()).encode()
        return (Picture(kind="json", data=data, name="settings"),) if len(data) <= _PICTURED else ()


class TransformerMaterializer(Materializer):
    """Stores models of transformers: weights as safetensors; mode and frozen parameters are kept."""

    name = "transformers_model"
    types = ("transformers.modeling_utils.PreTrainedModel",)
    artifact_type = ArtifactType.MODEL
    extra = "transformers"

    def takes(self, value: Any) -> bool:
        cls = type(value)
        floats = {one.dtype for one in value.parameters() if one.is_floating_point()}
        return (
            _offered(cls.__name__) is cls
            and len(floats) <= 1  # more than one is not told apart when it is read
            and not getattr(value, "_hf_peft_config_loaded", False)
            and getattr(value, "hf_quantizer", None) is None
            and len({part.training for part in value.modules()}) == 1
        )

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined(f"A {type(value).__qualname__} like this one is not what from_pretrained would give.")
        about = {
            "training": value.training,
            "frozen": sorted(name for name, one in value.named_parameters() if not one.requires_grad),
            "attention": getattr(value.config, "_attn_implementation", None),
        }
        _save(value, writer, about)

    def load(self, reader: Reader) -> Any:
        about = _about(reader)
        _refuse_fetched_code(json.loads(reader.file(_CONFIG)))
        # weights in the other format are a pickle
        options: dict[str, Any] = {_DTYPE: "auto", "use_safetensors": True}
        if about["attention"] in _ATTENTION:
            options["attn_implementation"] = about["attention"]
        model = _from_pretrained(about, reader, transformers.PreTrainedModel, options)
        model.name_or_path = model.config._name_or_path = about["name_or_path"]
        for one in (*model.parameters(), *model.buffers()):
            if (
                one.data_ptr() % _ALIGNED
            ):  # as it lies in the file; sums would come out with other last bits, and slower
                one.data = one.data.clone()
        frozen = set(about["frozen"])
        for name, one in model.named_parameters():
            one.requires_grad_(name not in frozen)
        return model.train(about["training"])

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say its ``class``, ``model_type``, how many ``parameters`` and ``trainable`` ones, ``dtype``, and mode."""
        parameters = list(value.parameters())
        return {
            "class": f"{type(value).__module__}.{type(value).__qualname__}",
            "model_type": str(getattr(value.config, "model_type", "")),
            "parameters": sum(one.numel() for one in parameters),
            "trainable": sum(one.numel() for one in parameters if one.requires_grad),
            "dtype": str(value.dtype).removeprefix("torch."),
            "training": value.training,
            "transformers_version": str(transformers.__version__),
        }

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The configuration as JSON, unless it is too long to look at."""
        data = value.config.to_json_string().encode()
        return (Picture(kind="json", data=data, name="configuration"),) if len(data) <= _PICTURED else ()


def _offered(name: str) -> Any:
    with suppress(Exception):  # it loads what it offers when asked, which may need what is not installed
        return getattr(transformers, name, None)
    return None


def _save(value: Any, writer: Writer, about: Mapping[str, Any]) -> None:
    name_or_path = getattr(value, "name_or_path", "")
    about = {
        "class": type(value).__name__,
        "name_or_path": name_or_path if isinstance(name_or_path, str) else "",
        **about,
    }
    with scratch_folder() as folder:
        with _quietly():
            try:
                value.save_pretrained(folder)
            except (NotImplementedError, ValueError, TypeError) as error:
                raise Declined(f"transformers does not save this {type(value).__qualname__}: {error}.") from error
        (folder / _ABOUT).write_text(json.dumps(about, sort_keys=True), encoding="utf-8")
        take_folder(folder, writer)


def _about(reader: Reader) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(reader.file(_ABOUT))
    return about


def _from_pretrained(about: Mapping[str, Any], reader: Reader, base: type, options: Mapping[str, Any]) -> Any:
    """Read what a class of transformers' own, derived from ``base``, has written.

    The classes that choose another one are no such class; by what a folder says, they would run code in it.
    """
    cls: Any = _offered(about["class"])
    if not _is_own(cls, base):
        raise ValueUnloadable(
            f"transformers {transformers.__version__} has no class {about['class']}. Install the version that saved it."
        )
    if _is_own(cls, transformers.ProcessorMixin):  # whose parts are read by the classes that choose
        options = {**options, "trust_remote_code": False}
    with _quietly():
        try:
            return cls.from_pretrained(str(reader.path()), local_files_only=True, **options)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise ValueUnloadable(f"transformers {transformers.__version__} does not read it: {error}.") from error


def _is_own(cls: Any, base: type) -> bool:
    return isinstance(cls, type) and issubclass(cls, base) and cls.__module__.partition(".")[0] == _ROOT


def _refuse_fetched_code(config: Any) -> None:
    """Refuse a configuration that names code on the network to compute attention with, or to unpack weights."""
    if isinstance(config, dict):
        for name, value in config.items():
            if name == "quantization_config" and value:
                raise ValueUnloadable(
                    "The model's configuration asks for quantized weights, which are not stored here."
                )
            if name.endswith("_implementation") or "_implementation_" in name:
                _refuse_repository(name, value)
        for value in config.values():
            _refuse_fetched_code(value)
    elif isinstance(config, list):
        for value in config:
            _refuse_fetched_code(value)


def _refuse_repository(name: str, value: Any) -> None:
    found = value.values() if isinstance(value, dict) else (value,)
    if any(isinstance(one, str) and "/" in one for one in found):
        raise ValueUnloadable(
            f"The model's configuration names a repository ({name}: {value!r}), whose code loading it would fetch and "
            "run."
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """No progress bars for what takes no time and fetches nothing."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


_ROOT = "transformers"
#: How ``from_pretrained`` calls the type of numbers, by release.
_DTYPE = "dtype" if tuple(map(int, transformers.__version__.split(".")[:2])) >= (4, 56) else "torch_dtype"
