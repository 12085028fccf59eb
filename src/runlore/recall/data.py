"""Data: values by attribute, ``task.data.model``, each loaded when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runlore.errors import NotFound

if TYPE_CHECKING:
    from runlore.recall.named import Named
    from runlore.recall.version import ArtifactVersion


class Data:
    """The values of several artifact versions. A name that is no attribute is found in brackets: ``data["my-model"]``.

    Nothing is loaded before it is looked at, and it is loaded afresh at each look. Loading raises as
    `ArtifactVersion.load` does.
    """

    __slots__ = ("_versions",)

    def __init__(self, versions: Named[ArtifactVersion]) -> None:
        self._versions = versions

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # which Python and notebooks ask every object for
            raise AttributeError(name)
        try:
            version = self._versions[name]
        except NotFound as problem:
            raise AttributeError(str(problem), name=name, obj=self) from None
        return version.load()

    def __getitem__(self, name: str) -> Any:
        return self._versions[name].load()

    def __contains__(self, name: object) -> bool:
        return name in self._versions

    def __iter__(self) -> Iterator[str]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)

    def __bool__(self) -> bool:
        return True

    def __dir__(self) -> list[str]:
        return list(self._versions)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._versions)

    def __repr__(self) -> str:
        return f"<Data: {', '.join(self._versions) or 'nothing'}>"
