"""PyTorch modules: their tensors as safetensors, and beside them what holds them together as a signed pickle.

So tensors are written from where they lie and read by mapping, not twice through memory; and other programs read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch

from runlore.errors import ValueUnloadable
from runlore.values import drawing, pickled
from runlore.values.files import scratch_folder, take_file
from runlore.values.materializer import ArtifactType, Declined, Materializer, Picture, Reader, Writer
from runlore.values.outline import text_beginning
from runlore.values.tensors import is_plain_but_attributes, map_file, read_tensors, write_tensors
from runlore.values.torch import dtype_name

_TENSORS = "model.safetensors"
_STRUCTURE = "structure.pkl"
_LISTED = 100
_ROWS = 1_000


class ModuleMaterializer(Materializer):
    """Stores modules: classes of scripts and notebooks travel inside, tied weights stay tied, all loads on the CPU."""

    name = "module"
    types = ("torch.nn.modules.module.Module",)
    artifact_type = ArtifactType.MODEL
    extra = "torch"
    runs_code = True

    def save(self, value: Any, writer: Writer) -> None:
        kept = _Kept(value)
        with writer.file(_STRUCTURE) as file:
            pickled.dump(value, file, elsewhere=kept.put)
        named, views = kept.laid_out()
        with writer.file(_TENSORS) as file:
            write_tensors(named, file.write, about={"views": views} if views else None)

    def load(self, reader: Reader) -> Any:
        path = reader.path()
        tensors, about = read_tensors(map_file(path / _TENSORS))
        found = _Found(tensors, about.get("views", {}))
        with (path / _STRUCTURE).open("rb") as file:
            return pickled.unpickle(file, elsewhere=found.get)

    def naming(self, reader: Reader) -> bytes:
        return reader.file(_STRUCTURE)

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say its ``class``, that a ``pickle`` holds it together, and how many ``parameters`` it has.

        Of these ``trainable`` ones, ``buffers``, ``dtypes``, whether it is in ``training`` mode, and ``layers``: its
        direct parts by class, the first hundred.
        """
        kind = type(value)
        found: dict[str, Any] = {"class": f"{kind.__module__}.{kind.__qualname__}", "pickle": True}
        parameters = [one for one in value.parameters() if not torch.nn.parameter.is_lazy(one)]
        found |= {
            "parameters": sum(one.numel() for one in parameters),
            "trainable": sum(one.numel() for one in parameters if one.requires_grad),
            "buffers": sum(one.numel() for one in value.buffers() if not torch.nn.parameter.is_lazy(one)),
            "dtypes": sorted({dtype_name(one) for one in parameters}),
            "training": value.training,
            "layers": {name: type(part).__qualname__ for name, part in list(value.named_children())[:_LISTED]},
            "torch_version": str(torch.__version__),
        }
        return found

    def pictures(self, value: Any) -> Sequence[Picture]:
        """Its parts with their class and number of parameters as CSV, the first thousand."""
        rows = [("name", "class", "parameters")]
        for name, part in value.named_modules():
            if len(rows) > _ROWS:
                break
            own = [one for one in part.parameters() if not torch.nn.parameter.is_lazy(one)]
            rows.append((name, type(part).__qualname__, str(sum(one.numel() for one in own))))
        return (Picture(kind="csv", data=drawing.table(rows), name="layers"),)


class ScriptMaterializer(Materializer):
    """Stores TorchScript modules in their own format. It holds programs, which run when it is used, so it is signed."""

    name = "torchscript"
    types = ("torch.jit._script.ScriptModule",)
    artifact_type = ArtifactType.MODEL
    extra = "torch"
    runs_code = True

    def takes(self, value: Any) -> bool:
        return hasattr(value, "_c") and hasattr(value, "_save_for_lite_interpreter")

    def save(self, value: Any, writer: Writer) -> None:
        with scratch_folder() as folder:
            path = folder / "module.pt"
            try:
                value._c.save(str(path), {})  # what `torch.jit.save` does, without its advice to users
            except RuntimeError as error:
                raise Declined(f"TorchScript does not write this module: {error}.") from error
            take_file(path, writer)

    def load(self, reader: Reader) -> Any:
        from torch.jit._recursive import wrap_cpp_module

        unit = torch._C.CompilationUnit()
        try:  # what `torch.jit.load` does, without its advice to users
            module = torch._C.import_ir_module(unit, str(reader.path()), torch.device("cpu"), {}, False)
        except RuntimeError as error:
            raise ValueUnloadable(f"The payload is not a TorchScript module: {error}.") from error
        return wrap_cpp_module(module)

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say its original ``class``, how many ``parameters`` it has, and whether it is in ``training`` mode."""
        found: dict[str, Any] = {"torch_version": str(torch.__version__)}
        with suppress(Exception):  # a part without a name or mode
            found["class"] = str(value.original_name)
            found["training"] = bool(value.training)
        return found | {"parameters": sum(one.numel() for one in value.parameters())}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """The beginning of its program."""
        return (Picture(kind="markdown", data=text_beginning(str(value.code)), name="program"),)


class _Kept:
    """Tensors that a module's pickle leaves out, by the name that the module's state dict has for them."""

    def __init__(self, module: Any) -> None:
        self._names = {id(one): name for name, one in _named_tensors(module)}
        self._places: dict[int, str] = {}
        self._tensors: dict[str, Any] = {}

    def put(self, value: Any) -> Any:
        """What stands for a tensor in the pickle; ``None`` for what goes into it."""
        if not isinstance(value, torch.Tensor):
            return None
        place = self._places.get(id(value))
        if place is None:
            if not is_plain_but_attributes(value) or value.layout is not torch.strided:
                return None
            place = self._names.get(id(value), "")
            if not place or place in self._tensors:
                place = f"other.{len(self._tensors)}"
            self._places[id(value)] = place
            self._tensors[place] = value
        return (place, dict(vars(value))) if vars(value) else (place,)

    def laid_out(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The tensors to write, and which others are views of these: tensors that share a part of their memory."""
        groups: dict[Any, list[str]] = {}
        for name, tensor in self._tensors.items():
            if tensor.numel():
                groups.setdefault(tensor.untyped_storage().data_ptr(), []).append(name)
        named = dict(self._tensors)
        views: dict[str, Any] = {}
        for names in groups.values():
            if not _overlap([self._tensors[name] for name in names]):
                continue
            base = f"shared.{names[0]}"
            for name in names:
                tensor = named.pop(name)
                views[name] = {
                    "of": base,
                    "dtype": dtype_name(tensor),
                    "offset": tensor.storage_offset(),
                    "shape": list(tensor.shape),
                    "stride": list(tensor.stride()),
                    "parameter": type(tensor) is torch.nn.Parameter,
                    "requires_grad": tensor.requires_grad,
                }
            storage = tensor.untyped_storage()
            named[base] = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(storage, 0, (storage.nbytes(),))
        return named, views


class _Found:
    """Gives the tensors back while a pickle is read: one object for each name."""

    def __init__(self, tensors: Mapping[str, Any], views: Mapping[str, Any]) -> None:
        self._tensors = dict(tensors)
        self._views = views

    def get(self, standing: Any) -> Any:
        name, *attributes = standing
        tensor = self._tensors.get(name)
        if tensor is None:
            view = self._views.get(name)
            if view is None or view["of"] not in self._tensors:
                raise ValueUnloadable(f"The module's file has no tensor called {name!r}.")
            storage = self._tensors[view["of"]].untyped_storage()
            tensor = torch.empty(0, dtype=getattr(torch, view["dtype"]))
            tensor = tensor.set_(storage, view["offset"], view["shape"], view["stride"])
            if view["parameter"]:
                tensor = torch.nn.Parameter(tensor, requires_grad=view["requires_grad"])
            elif view["requires_grad"]:
                tensor.requires_grad_()
            self._tensors[name] = tensor
        if attributes:
            vars(tensor).update(attributes[0])
        return tensor


def _named_tensors(module: Any) -> Any:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _overlap(tensors: Sequence[Any]) -> bool:
    """Whether bytes of one of these tensors, which lie in one storage, are bytes of another."""
    spans = sorted(
        (
            one.storage_offset() * one.element_size(),
            (one.storage_offset() + 1 + sum((n - 1) * s for n, s in zip(one.shape, one.stride(), strict=True)))
            * one.element_size(),
        )
        for one in tensors
    )
    return any(later[0] < former[1] for former, later in zip(spans, spans[1:], strict=False))
