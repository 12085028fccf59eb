"""Config: with which parameters and options a run or step was made.

A parameter may be of a class that this process cannot import: a dataclass of a project in another folder. Then asking
for it is an error that says so; the others are there, and whatever only shows parameters shows it as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from runlore.recall.decoding import decode
from runlore.recall.named import Named

#: Key that tells a typed value from a dict (`docs/design/codec.md`).
_TAG = "~"


class Config(Mapping[str, Any]):
    """Options in force, by name, and the parameters."""

    def __init__(self, parameters: str, options: Mapping[str, Any], *, owner: str) -> None:
        self.parameters = Parameters(parameters, owner=owner)
        self._options = Named(options, kind="option", owner=owner)

    @property
    def settings(self) -> Named[Any]:
        """The ``settings`` that were given, by name; empty when there were none."""
        settings = self._options.get("settings") or {}
        return Named(settings, kind="setting", owner=self._options._owner)

    @property
    def enable_cache(self) -> bool | None:
        """Whether the cache was switched on or off; ``None`` when nothing was said."""
        value: bool | None = self._options.get("enable_cache")
        return value

    def __getitem__(self, name: str) -> Any:
        return dict(self.parameters) if name == "parameters" else self._options[name]

    def __iter__(self) -> Iterator[str]:
        yield "parameters"
        yield from self._options

    def __len__(self) -> int:
        return 1 + len(self._options)

    def __repr__(self) -> str:
        return f"Config({ {'parameters': self.parameters.shown(), **self._options}!r})"


class Parameters(Named[Any]):
    """Arguments by name, in declared order."""

    def __init__(self, text: str, *, owner: str) -> None:
        super().__init__(_Decoded(text), kind="parameter", owner=owner)
        self._text = text

    def shown(self) -> dict[str, Any]:
        """The values for a listing: one that cannot be decoded here is text, such as ``etl.Window(start=0, end=3)``."""
        return {name: shown_value(text) for name, text in parameter_texts(self._text).items()}

    def _shown(self) -> Mapping[str, Any]:
        return self.shown()

    def __repr__(self) -> str:
        return repr(self.shown())


class _Decoded(Mapping[str, Any]):
    """A typed JSON object whose members are decoded one by one if they cannot be all at once."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _texts(self) -> dict[str, str]:
        return parameter_texts(self._text)

    @cached_property
    def _values(self) -> Mapping[str, Any] | None:
        try:
            values: Mapping[str, Any] = decode(self._text)
        except Exception:  # importing a class runs its module
            return None
        return values

    def __getitem__(self, name: str) -> Any:
        if self._values is not None:
            return self._values[name]
        return decode(self._texts[name])

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def parameter_texts(text: str) -> dict[str, str]:
    """Recorded parameters, each as typed JSON."""
    return {
        name: json.dumps(value, ensure_ascii=False, separators=(",", ":")) for name, value in json.loads(text).items()
    }


def shown_value(text: str) -> Any:
    """The value of typed JSON; one that cannot be decoded here is text."""
    try:
        return decode(text)
    except Exception:
        return _readable(json.loads(text))


def _readable(value: Any) -> Any:
    """A parsed typed value in words, without its classes."""
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _TAG not in value:
        return {name: _readable(item) for name, item in value.items()}
    if "t" not in value:
        return _shown_or_parts(value)
    inner = value.get("v")
    if isinstance(inner, dict):
        return f"{value['t']}({', '.join(f'{name}={_readable(item)!r}' for name, item in inner.items())})"
    return f"{value['t']}.{inner}" if value[_TAG] == "enum" else str(value["t"])


def _shown_or_parts(value: dict[str, Any]) -> Any:
    try:
        return decode(json.dumps(value))
    except Exception:
        return _readable(value.get("v"))
