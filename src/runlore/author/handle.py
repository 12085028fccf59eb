"""Handles: what step calls in a pipeline's body return, standing for outputs that do not exist yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from runlore.author.current import Tracer
from runlore.errors import DefinitionError


class OutputHandle:
    """An output of a step that the plan has; pass it to another step, or `load` its value.

    Everything else that one does with a value is an error that says so, because the value is not there yet.
    """

    __slots__ = ("step", "step_name", "output", "annotation", "element", "trace")

    def __init__(
        self, step: int, step_name: str, output: str, annotation: Any, trace: Tracer, element: int | None = None
    ) -> None:
        #: Index of the step in the plan.
        self.step = step
        #: Its invocation id.
        self.step_name = step_name
        #: Output name, placeholders filled in.
        self.output = output
        self.annotation = annotation
        #: Which item of a mapped step's output, if it is one.
        self.element = element
        self.trace = trace

    def load(self) -> Any:
        """Run what this output depends on, and return its value, decoded afresh at every call."""
        return self.trace.load(self)

    def __repr__(self) -> str:
        item = "" if self.element is None else f"item {self.element} of "
        return f"<{item}output {self.output!r} of step {self.step_name!r}>"

    def _refuse(self, what: str) -> NoReturn:
        raise DefinitionError(
            f"{self!r} cannot be {what} while the pipeline's body runs: its value does not exist yet. "
            f"Call .load() on it to run what it needs and get the value, or do this inside a step."
        )

    def __bool__(self) -> bool:
        self._refuse("used as a condition")

    def __iter__(self) -> Iterator[Any]:
        raise DefinitionError(
            f"{self!r} cannot be unpacked or walked: it is one output. For several outputs annotate the step with "
            f"-> tuple[A, B]; for one task per item use another_step.map(...); for the value call .load()."
        )

    def __len__(self) -> int:
        self._refuse("measured")

    def __contains__(self, _item: object) -> bool:
        self._refuse("searched")

    def __getitem__(self, _key: Any) -> Any:
        self._refuse("indexed")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"{self!r} has no attribute {name!r}: its value does not exist yet while the pipeline's body runs. "
            f"Call .load().{name}, or use it inside a step."
        )

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        self._refuse("called")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, OutputHandle):
            return self is other or (
                (self.step, self.output, self.element) == (other.step, other.output, other.element)
                and self.trace is other.trace
            )
        self._refuse("compared")

    def __hash__(self) -> int:
        return hash((self.step, self.output, self.element))


def _refusing(what: str) -> Callable[..., Any]:
    def refuse(self: OutputHandle, *_others: Any) -> Any:
        self._refuse(what)

    return refuse


_BINARY = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and or xor".split()
for _name in [*_BINARY, *("r" + name for name in _BINARY), "neg", "pos", "abs", "invert", "round"]:
    setattr(OutputHandle, f"__{_name}__", _refusing("calculated with"))
for _name in ("lt", "le", "gt", "ge"):
    setattr(OutputHandle, f"__{_name}__", _refusing("compared"))
for _name in ("int", "float", "complex", "index"):
    setattr(OutputHandle, f"__{_name}__", _refusing("made a number"))


class MappedHandle(OutputHandle):
    """An output of a mapped step: a collection with one item per task.

    Passed to ``step.map(...)`` it is walked item by item; passed to a plain call it is the list of all items.
    ``handle[2]`` is one item.
    """

    __slots__ = ("length",)

    def __init__(
        self, step: int, step_name: str, output: str, annotation: Any, trace: Tracer, length: int | None
    ) -> None:
        super().__init__(step, step_name, output, annotation, trace)
        #: Number of items, or ``None`` while it is not known.
        self.length = length

    @property
    def item_annotation(self) -> Any:
        """Annotation of one item; `annotation` is that of the whole list."""
        parts = getattr(self.annotation, "__args__", ())
        return parts[0] if parts else Any

    def __len__(self) -> int:
        if self.length is None:
            self._refuse("measured")
        return self.length

    def __bool__(self) -> bool:
        self._refuse("used as a condition")

    def __getitem__(self, key: Any) -> OutputHandle:
        if not isinstance(key, int) or isinstance(key, bool):
            self._refuse(f"indexed by {key!r}")
        index = key
        if self.length is not None:
            index = key + self.length if key < 0 else key
            if not 0 <= index < self.length:
                raise IndexError(f"{self!r} has {self.length} items; there is no item {key}.")
        elif key < 0:
            self._refuse("indexed from its end")
        return OutputHandle(self.step, self.step_name, self.output, self.item_annotation, self.trace, index)

    def __iter__(self) -> Iterator[OutputHandle]:
        if self.length is None:
            self._refuse("walked")
        return (self[i] for i in range(self.length))


class unmapped:
    """``step.map(items, unmapped(values))``: every task gets all of ``values``."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"unmapped({self.value!r})"


class mapped:
    """``step.map(mapped(handle))``: every task gets one item, although the annotation does not tell a sequence."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"mapped({self.value!r})"
