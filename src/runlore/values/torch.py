"""PyTorch tensors and state dicts as safetensors: loading runs no code, and every reader of the format reads them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.values import codec, drawing
from runlore.values.described import SAMPLED_ABOVE
from runlore.values.materializer import ArtifactType, Declined, Materializer, Picture, Reader, Writer
from runlore.values.numpy import NumpyMaterializer
from runlore.values.tensors import is_plain, map_file, read_tensors, write_tensors

#: Name of the only tensor in the file of a tensor.
_ALONE = "tensor"
# Up to this many bytes a file is read into memory, above it is mapped.
_MAP_FROM = 1 << 20
_LISTED = 100
_ROWS = 1_000
_PICTURED_ELEMENTS = 4_000_000
_ARRAYS = NumpyMaterializer()


class TensorMaterializer(Materializer):
    """Stores tensors of any dtype, dense or sparse, and parameters; they load on the CPU.

    What they were computed from and their ``.grad`` are no part of them, as with ``torch.save``.
    """

    name = "tensor"
    types = ("torch.Tensor",)
    extra = "torch"

    def takes(self, value: Any) -> bool:
        return is_plain(value)

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined(
                f"A {type(value).__qualname__} like this one has no exact safetensors form (quantized, nested, named, "
                "of a subclass, without memory, or with attributes or hooks). Return what it is made of."
            )
        write_tensors({_ALONE: value}, writer.write)

    def load(self, reader: Reader) -> Any:
        tensors, _ = read_payload(reader)
        if _ALONE not in tensors:
            raise ValueUnloadable(f"The payload has no tensor called {_ALONE!r}.")
        return tensors[_ALONE]

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """``shape``, ``dtype``, ``device``, ``requires_grad``, ``layout`` if sparse, and statistics as of an array."""
        found: dict[str, Any] = {
            "shape": list(value.shape),
            "dtype": dtype_name(value),
            "device": str(value.device),
            "requires_grad": value.requires_grad,
        }
        tensor = value.detach()
        if value.layout is not torch.strided:
            found["layout"] = str(value.layout).removeprefix("torch.")
            tensor = tensor._values() if value.layout is torch.sparse_coo else tensor.values()
            found["stored_elements"] = tensor.numel()
        sampled = _sample(tensor)
        described = _described(sampled)
        if described is not None:
            found |= {note: member for note, member in described.items() if note not in ("shape", "dtype")}
            if sampled.numel() < tensor.numel():
                found["sampled"] = sampled.numel()
        return found

    def pictures(self, value: Any) -> Sequence[Picture]:
        """As of an array; images may have their channels first or last."""
        if value.layout is not torch.strided or value.numel() > _PICTURED_ELEMENTS:
            return ()
        shown = value.detach()
        if shown.dim() == 3 and shown.shape[0] in (1, 3, 4) and shown.shape[2] not in (1, 3, 4):
            shown = shown.permute(1, 2, 0)
        array = _as_array(shown)
        return () if array is None else _ARRAYS.pictures(array)


class TensorsMaterializer(Materializer):
    """Stores a dict of tensors under names, in its order."""

    name = "tensors"
    extra = "torch"
    #: The class of the dicts that are taken.
    holder: ClassVar[type[dict[Any, Any]]] = dict

    def takes(self, value: Any) -> bool:
        if type(value) is not self.holder or not value:
            return False
        attributes = vars(value) if type(value) is OrderedDict else {}
        return (
            all(type(name) is str and name != "__metadata__" for name in value)
            and all(is_plain(member) for member in value.values())
            and (not attributes or (list(attributes) == ["_metadata"] and codec.is_codable(attributes["_metadata"])))
        )

    def save(self, value: Any, writer: Writer) -> None:
        if not self.takes(value):
            raise Declined("This is no dict of tensors under names. Return what it is made of.")
        about: dict[str, Any] = {}
        if type(value) is OrderedDict:
            about["ordered"] = True
            if vars(value):
                about["_metadata"] = codec.encode(vars(value)["_metadata"])
        try:
            write_tensors(value, writer.write, about=about)
        except ValueUnstorable as error:
            raise Declined(str(error)) from error

    def load(self, reader: Reader) -> Any:
        tensors, about = read_payload(reader)
        if not about.get("ordered"):
            return tensors
        state: Any = OrderedDict(tensors)
        if "_metadata" in about:
            state._metadata = codec.decode(about["_metadata"])
        return state

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say how many ``tensors`` and ``elements`` there are, by dtype too, and ``shapes`` of the first hundred."""
        return describe_tensors(value)

    def pictures(self, value: Any) -> Sequence[Picture]:
        """Names, shapes and dtypes as CSV, of the first thousand."""
        rows = [("name", "shape", "dtype", "elements")]
        for name, tensor in list(value.items())[:_ROWS]:
            shape = " x ".join(map(str, tensor.shape))
            rows.append((name, shape, dtype_name(tensor), str(tensor.numel())))
        return (Picture(kind="csv", data=drawing.table(rows), name="tensors"),)


class StateDictMaterializer(TensorsMaterializer):
    """Stores an ordered dict of tensors, such as a module's ``state_dict()``, with ``_metadata``; it is a model."""

    name = "state_dict"
    artifact_type = ArtifactType.MODEL
    holder = OrderedDict


def read_payload(reader: Reader) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tensors of a single payload and what is told about them; large ones are mapped."""
    if reader.size <= _MAP_FROM:
        return read_tensors(bytearray(reader.read()))
    return read_tensors(map_file(reader.path()))


def describe_tensors(named: Mapping[str, Any]) -> dict[str, Any]:
    """Count tensors under names."""
    dtypes: Counter[str] = Counter()
    for tensor in named.values():
        dtypes[dtype_name(tensor)] += tensor.numel()
    return {
        "tensors": len(named),
        "elements": dtypes.total(),
        "dtypes": dict(sorted(dtypes.items())),
        "shapes": {name: list(tensor.shape) for name, tensor in list(named.items())[:_LISTED]},
    }


def dtype_name(tensor: Any) -> str:
    """Return ``float32`` and the like."""
    return str(tensor.dtype).removeprefix("torch.")


def _sample(tensor: Any) -> Any:
    """``tensor`` itself, or of a large one every so-manieth row of its memory, as a view."""
    if tensor.numel() <= SAMPLED_ABOVE or not tensor.is_contiguous():
        return tensor
    stride = tensor.numel() // SAMPLED_ABOVE + 1
    while any(length % stride == 0 for length in tensor.shape if length > 1):  # else it falls in step with columns
        stride += 1
    return tensor.reshape(-1)[::stride]


def _described(tensor: Any) -> Mapping[str, Any] | None:
    array = _as_array(tensor)
    return None if array is None or array.dtype.kind not in "biuf" else _ARRAYS.metadata(array)


def _as_array(tensor: Any) -> Any:
    if tensor.dtype.is_complex or tensor.is_quantized:
        return None
    tensor = tensor.cpu().resolve_neg()
    try:
        return tensor.numpy()
    except TypeError:  # a dtype that numpy does not have
        pass
    try:
        return tensor.to(torch.float32).numpy()
    except (RuntimeError, TypeError, NotImplementedError):  # packed numbers
        return None
