"""Tensors in one safetensors file, written from where they lie; notes in its header say what the format does not.

The format is https://huggingface.co/docs/safetensors ("Format"), our notes `docs/design/codec.md`, "Tensors".
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from runlore.errors import ValueUnloadable, ValueUnstorable

Buffer = bytes | bytearray | memoryview

# Where tensors begin is a multiple of this, so that mapped ones are aligned.
_ALIGNED = 64
_CHUNK_BYTES = 1 << 20
# The header of a file may not be larger (the limit of the format's own reader).
_MAX_HEADER = 100_000_000

_NAMES: dict[Any, str] = {
    torch.bool: "BOOL",
    torch.uint8: "U8",
    torch.int8: "I8",
    torch.int16: "I16",
    torch.int32: "I32",
    torch.int64: "I64",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
    torch.complex64: "C64",
    **{
        getattr(torch, dtype): name
        for dtype, name in (
            ("uint16", "U16"),
            ("uint32", "U32"),
            ("uint64", "U64"),
            ("float8_e4m3fn", "F8_E4M3"),
            ("float8_e5m2", "F8_E5M2"),
        )
        if hasattr(torch, dtype)  # what older releases do not have, nobody can hold there
    },
}
#: Stored as pairs of real numbers, with a note.
_PAIRS = {torch.complex128: torch.float64, torch.complex32: torch.float16}
_SPARSE = {
    torch.sparse_coo: ("indices", "values"),
    torch.sparse_csr: ("crow_indices", "col_indices", "values"),
    torch.sparse_csc: ("ccol_indices", "row_indices", "values"),
    torch.sparse_bsr: ("crow_indices", "col_indices", "values"),
    torch.sparse_bsc: ("ccol_indices", "row_indices", "values"),
}


def is_plain(value: Any) -> bool:
    """Whether a tensor is its numbers, shape, order in memory, whether it is a parameter and asks for gradients."""
    return is_plain_but_attributes(value) and not vars(value)


def is_plain_but_attributes(value: Any) -> bool:
    """Whether a tensor is `is_plain`, once the attributes that somebody gave it are kept elsewhere."""
    return (
        type(value) in (torch.Tensor, torch.nn.Parameter)
        and (value.layout is torch.strided or value.layout in _SPARSE)
        and not (value.is_quantized or value.is_nested or value.is_meta)
        and not any(getattr(value, "names", ()))
        and not value._backward_hooks
        and not torch._C._functorch.is_functorch_wrapped_tensor(value)
    )


def write_tensors(
    named: Mapping[str, Any], write: Callable[[Buffer], Any], *, about: Mapping[str, Any] | None = None
) -> None:
    """Write a safetensors file of `is_plain` tensors; ``about`` is kept with the notes.

    Names keep their order. Of tensors that are one and the same memory each is written, and read as one memory again.

    Raises:
        ValueUnstorable: two parts of sparse tensors would have one name; nothing has been written.
    """
    parts: dict[str, Any] = {}
    notes: dict[str, dict[str, Any]] = {}
    places: dict[Any, str] = {}
    for name, tensor in named.items():
        note = _note(tensor)
        if tensor.layout is torch.strided:
            first = places.setdefault(_place(tensor), name)
            if first != name and tensor.numel():
                note["same"] = first
            flat = {name: tensor.detach()}
        else:
            flat = {f"{name}.{part}": _component(tensor.detach(), part) for part in _SPARSE[tensor.layout]}
        for part, found in flat.items():
            if part in parts or (part != name and part in named):
                raise ValueUnstorable(f"two tensors would be called {part!r}")
            parts[part] = found
        if note:
            notes[name] = note
    header, ordered = _header(parts, {**({"tensors": notes} if notes else {}), **(about or {})})
    write(header)
    for name in ordered:
        for chunk in _chunks(parts[name]):
            write(chunk)


def read_tensors(buffer: bytearray | mmap.mmap) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tensors of a file, and what was kept ``about`` them. Those of a map are views of it.

    Raises:
        ValueUnloadable: it is no such file.
    """
    try:
        return _read(buffer)
    except ValueUnloadable:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise ValueUnloadable(f"The payload is not a safetensors file: {error}.") from error


def map_file(path: Path) -> bytearray | mmap.mmap:
    """Return a file's bytes, private copy on write: changing a tensor changes neither the file nor what others load."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:  # nothing to map
            return bytearray()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def raw_bytes(tensor: Any) -> memoryview:
    """Return the bytes of a contiguous tensor on the CPU, not copied."""
    if tensor.numel() == 0:
        return memoryview(b"")
    start, size = tensor.storage_offset() * tensor.element_size(), _bytes(tensor)
    data: memoryview = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage(), start, (size,)).numpy().data
    return data


def _place(tensor: Any) -> Any:
    return tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride(), str(tensor.device)


def _component(tensor: Any, part: str) -> Any:
    if tensor.layout is torch.sparse_coo:  # also where several values may lie at one place
        return getattr(tensor, f"_{part}")()
    return getattr(tensor, part)()


def _note(tensor: Any) -> dict[str, Any]:
    note: dict[str, Any] = {}
    if type(tensor) is torch.nn.Parameter:
        note["parameter"] = True
    if tensor.requires_grad:
        note["requires_grad"] = True
    if tensor.layout is not torch.strided:
        note["layout"] = str(tensor.layout).removeprefix("torch.")
        note["shape"] = list(tensor.shape)
        if tensor.layout is torch.sparse_coo and tensor.is_coalesced():
            note["coalesced"] = True
        tensor = _component(tensor.detach(), "values")
    elif not tensor.is_contiguous() and _is_dense(tensor):
        note["stride"] = list(tensor.stride())
    if tensor.dtype not in _NAMES:
        note["dtype"] = str(tensor.dtype).removeprefix("torch.")
    return note


def _is_dense(tensor: Any) -> bool:
    """Whether the strides fill a block of memory without holes and overlaps, so that they can be had again."""
    wanted = 1
    for stride, length in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if length > 1:
            if stride != wanted:
                return False
            wanted *= length
    return True


def _header(parts: Mapping[str, Any], about: Mapping[str, Any]) -> tuple[bytes, list[str]]:
    kept = {"format": "pt"}
    if about:
        kept["runlore"] = json.dumps(about, sort_keys=True, separators=(",", ":"))
    # by size of the elements, as the format's own writer does; then those first that leave the next one aligned
    ordered = sorted(parts, key=lambda name: (-_size_of_element(parts[name]), _bytes(parts[name]) % _ALIGNED > 0, name))
    ends, at = {}, 0
    for name in ordered:
        start, at = at, at + _bytes(parts[name])
        ends[name] = [start, at]
    entries: dict[str, Any] = {"__metadata__": kept}
    for name, tensor in parts.items():
        dtype, shape = _stored_as(tensor)
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": ends[name]}
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % _ALIGNED)
    return len(text).to_bytes(8, "little") + text, ordered


def _bytes(tensor: Any) -> int:
    return int(tensor.numel() * tensor.element_size())


def _size_of_element(tensor: Any) -> int:
    real = _PAIRS.get(tensor.dtype)
    return int(real.itemsize if real is not None else tensor.element_size() if tensor.dtype in _NAMES else 1)


def _stored_as(tensor: Any) -> tuple[str, list[int]]:
    shape = list(tensor.shape)
    if tensor.dtype in _NAMES:
        return _NAMES[tensor.dtype], shape
    if tensor.dtype in _PAIRS:
        return _NAMES[_PAIRS[tensor.dtype]], [*shape, 2]
    return "U8", [*shape, tensor.element_size()]


def _chunks(tensor: Any) -> Any:
    tensor = tensor.resolve_conj().resolve_neg() if tensor.is_complex() or tensor.is_neg() else tensor
    if tensor.is_contiguous() and tensor.device.type == "cpu":
        yield raw_bytes(tensor)
    elif tensor.dim() == 0 or tensor.numel() == 0:
        yield raw_bytes(tensor.cpu().contiguous())
    else:
        rows = max(_CHUNK_BYTES * len(tensor) // _bytes(tensor), 1)
        for part in tensor.split(rows):
            yield raw_bytes(part.cpu().contiguous())


def _read(buffer: bytearray | mmap.mmap) -> tuple[dict[str, Any], dict[str, Any]]:
    length = int.from_bytes(buffer[:8], "little")
    if len(buffer) < 8 + length or length > _MAX_HEADER:
        raise ValueError("its header is cut off")
    entries = json.loads(bytes(buffer[8 : 8 + length]))
    about = json.loads(entries.pop("__metadata__", {}).get("runlore", "{}"))
    notes = about.pop("tensors", {})
    found: dict[str, Any] = {}
    for name in _names_of(entries, notes):
        note = notes.get(name, {})
        if "same" in note and note["same"] in found:
            found[name] = _finished(found[note["same"]].detach(), note)
            continue
        dtype = getattr(torch, note["dtype"]) if "dtype" in note else None
        if "layout" in note:
            parts = {
                part: _dense(buffer, 8 + length, entries[f"{name}.{part}"], dtype if part == "values" else None)
                for part in _SPARSE[getattr(torch, note["layout"])]
            }
            tensor = _sparse(parts, note)
        else:
            tensor = _dense(buffer, 8 + length, entries[name], dtype)
            if "stride" in note:
                laid_out = torch.empty_strided(tuple(tensor.shape), note["stride"], dtype=tensor.dtype)
                tensor = laid_out.copy_(tensor)
        found[name] = _finished(tensor, note)
    return found, about


def _names_of(entries: Mapping[str, Any], notes: Mapping[str, Any]) -> list[str]:
    """Names in their order; a sparse tensor stands where the first of its parts does."""
    whole = {
        f"{name}.{part}": name
        for name, note in notes.items()
        if "layout" in note
        for part in _SPARSE[getattr(torch, note["layout"])]
    }
    return list(dict.fromkeys(whole.get(entry, entry) for entry in entries))


def _dense(buffer: bytearray | mmap.mmap, start: int, entry: Mapping[str, Any], dtype: Any) -> Any:
    stored, shape = _DTYPES[entry["dtype"]], list(entry["shape"])
    begin, end = entry["data_offsets"]
    if dtype is not None:
        shape.pop()
        stored = dtype
    count = 1
    for length in shape:
        count *= length
    if end - begin != count * stored.itemsize or not 0 <= begin <= end <= len(buffer) - start:
        raise ValueError("a tensor lies outside of the file, or its size does not fit its shape")
    if count == 0:
        return torch.empty(shape, dtype=stored)
    tensor = torch.frombuffer(buffer, dtype=stored, count=count, offset=start + begin).reshape(shape)
    # on other places in memory than torch's own, sums come out with other last bits, and slower
    return tensor if isinstance(buffer, mmap.mmap) and (start + begin) % _ALIGNED == 0 else tensor.clone()


def _sparse(parts: Mapping[str, Any], note: Mapping[str, Any]) -> Any:
    shape, layout = note["shape"], note["layout"]
    if layout == "sparse_coo":
        coalesced = note.get("coalesced", False)
        return torch.sparse_coo_tensor(
            parts["indices"], parts["values"], shape, is_coalesced=coalesced, check_invariants=True
        )
    first, second, values = parts.values()
    return torch.sparse_compressed_tensor(
        first, second, values, shape, layout=getattr(torch, layout), check_invariants=True
    )


def _finished(tensor: Any, note: Mapping[str, Any]) -> Any:
    gradient = note.get("requires_grad", False)
    if note.get("parameter"):
        return torch.nn.Parameter(tensor, requires_grad=gradient)
    return tensor.requires_grad_(gradient) if gradient else tensor


_DTYPES = {name: dtype for dtype, name in _NAMES.items()}
