"""Config: with which parameters and options a run or step was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runlore.recall.named import Named


class Config(Mapping[str, Any]):
    """Options in force, by name, and the parameters."""

    def __init__(self, parameters: Mapping[str, Any], options: Mapping[str, Any], *, owner: str) -> None:
        self.parameters: Named[Any] = Named(parameters, kind="parameter", owner=owner)
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
        return f"Config({dict(self)!r})"
