"""scikit-learn estimators and pipelines: a signed pickle, described, and pictured by scikit-learn's own diagram.

A plain pickle is what scikit-learn itself documents, and what its releases know how to warn of when they differ.
"""

from __future__ import annotations

import pickletools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, Any, cast

import sklearn
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from runlore.errors import ValueUnloadable
from runlore.values import pickled
from runlore.values.estimators import describe_estimator
from runlore.values.files import WriterFile
from runlore.values.materializer import ArtifactType, Materializer, Picture, Reader, Writer

#: Key under which every estimator of scikit-learn keeps the release that pickled it.
_VERSION = "_sklearn_version"
_MAX_PICTURE = 200_000


class SklearnMaterializer(Materializer):
    """Stores whatever derives from ``sklearn.base.BaseEstimator``; the vault asks for its signature before it loads."""

    name = "sklearn"
    types = ("sklearn.base.BaseEstimator",)
    artifact_type = ArtifactType.MODEL
    extra = "sklearn"
    runs_code = True

    def save(self, value: Any, writer: Writer) -> None:
        pickled.dump(value, cast(IO[bytes], WriterFile(writer)))

    def load(self, reader: Reader) -> Any:
        """Return the estimator. If it does not load, and another release made it, the error names both releases."""
        path = reader.path()
        try:
            with path.open("rb") as file:
                return pickled.unpickle(file)
        except ValueUnloadable as error:
            made = _made_with(path)
            if made is None or made == sklearn.__version__:
                raise
            raise ValueUnloadable(
                f"{error} scikit-learn {made} made it, and {sklearn.__version__} is here; releases do not promise to "
                f"read each other's estimators. Install scikit-learn=={made}, or train it again."
            ) from error

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say its ``class``, that it is a ``pickle``, whether it is ``fitted``, and ``sklearn_version``.

        Also ``steps`` of a pipeline (name → class), and what `describe_estimator` says.
        """
        kind = type(value)
        found: dict[str, Any] = {"class": f"{kind.__module__}.{kind.__qualname__}", "pickle": True}
        with suppress(Exception):  # somebody else's attributes; what they say is a courtesy
            found["fitted"] = _is_fitted(value)
        steps = getattr(value, "steps", None)
        if isinstance(steps, list) and len(steps) <= 100:
            with suppress(Exception):
                found["steps"] = {str(name): type(part).__qualname__ for name, part, *_ in steps}
        return found | describe_estimator(value) | {"sklearn_version": sklearn.__version__}

    def pictures(self, value: Any) -> Sequence[Picture]:
        """scikit-learn's diagram, without scripts and links; none if it is larger than 200 kB."""
        diagram = _Inert()
        diagram.feed(estimator_html_repr(value))
        data = diagram.text().encode("utf-8", "replace")
        return (Picture(kind="html", data=data, name="diagram"),) if len(data) <= _MAX_PICTURE else ()


def _is_fitted(value: Any) -> bool:
    try:
        check_is_fitted(value)
    except NotFittedError:
        return False
    return True


def _made_with(path: Path) -> str | None:
    """The release that made a pickle, read from its texts without loading it."""
    with path.open("rb") as file, suppress(ValueError):  # damaged
        found = False
        for operation, argument, _ in pickletools.genops(file):
            if isinstance(argument, str):
                if found:
                    return argument
                found = argument == _VERSION
            elif operation.name not in ("MEMOIZE", "BINPUT", "LONG_BINPUT", "FRAME"):
                found = False
    return None


class _Inert(HTMLParser):
    """Passes on elements that only show something, and of their attributes those that only lay out."""

    _KEPT = frozenset("style div span p pre b i br table thead tbody tr td th details summary label input".split())
    _ATTRIBUTES = frozenset("id class for type hidden checked tabindex style".split())
    _DROPPED_WITH_CONTENT = frozenset(("script", "button", "iframe", "object", "svg", "template"))
    _EMPTY = frozenset(("br", "input"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._dropped: list[str] = []
        self._raw = False

    def text(self) -> str:
        return "".join(self._parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._DROPPED_WITH_CONTENT:
            self._dropped.append(tag)
        if self._dropped or tag not in self._KEPT or (tag == "input" and dict(attrs).get("type") != "checkbox"):
            return
        kept = "".join(
            f" {name}" if value is None else f' {name}="{escape(value)}"'
            for name, value in attrs
            if name in self._ATTRIBUTES
        )
        self._parts.append(f"<{tag}{kept}>")
        self._raw = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        if self._dropped:
            if tag == self._dropped[-1]:
                self._dropped.pop()
        elif tag in self._KEPT and tag not in self._EMPTY:
            self._parts.append(f"</{tag}>")
            self._raw = False

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            self._parts.append(data if self._raw else escape(data))
