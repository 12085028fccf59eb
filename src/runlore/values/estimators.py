"""Estimators: what is known of a model that has parameters and is trained with ``fit``, without importing its library.

This is scikit-learn's convention, which XGBoost, LightGBM, CatBoost and many others follow.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

#: At most so many parameters, classes or features are noted.
LISTED = 100
_SHOWN_CHARACTERS = 200
_TYPED = (type(None), bool, int, float)


def is_estimator(value: Any) -> bool:
    """Whether a value behaves like a trained model: it has ``fit``, ``predict`` or ``transform``, and parameters."""
    try:
        return callable(getattr(value, "get_params", None)) and callable(getattr(value, "fit", None))
    except Exception:  # somebody else's __getattr__
        return False


def describe_estimator(model: Any) -> dict[str, Any]:
    """Say what a model was made with and, once it is trained, what it learned.

    ``parameters``: those of its parts as well, under ``part__name``, as `bounded` gives them. ``n_features``;
    ``feature_names`` and ``classes``, if they are `LISTED` at most.
    """
    found: dict[str, Any] = {}
    for note, read in _NOTES.items():
        with suppress(Exception):  # somebody else's attributes; what they say is a courtesy
            found[note] = read(model)
    return found


def bounded(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return at most `LISTED` settings: numbers, truth values and short texts as they are, others as short text.

    With too many the shortest names stay, which are those of the outermost parts.
    """
    names = sorted(settings, key=lambda name: (str(name).count("__"), str(name)))[:LISTED]
    return {str(name): _setting(settings[name]) for name in sorted(names)}


def plain_members(members: Iterable[Any]) -> list[Any]:
    """Return members as Python values. Raises `ValueError` for more than `LISTED`."""
    if len(members) > LISTED:  # type: ignore[arg-type]
        raise ValueError("too many to be read")
    return [each.tolist() if hasattr(each, "tolist") else each for each in members]


def _setting(value: Any) -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        value = value.item()
    if type(value) in _TYPED or (type(value) is str and len(value) <= _SHOWN_CHARACTERS):
        return value
    text = value if type(value) is str else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _parameters(model: Any) -> dict[str, Any]:
    try:
        settings = model.get_params(deep=True)
    except Exception:  # a part that does not answer
        settings = model.get_params(deep=False)
    return bounded(settings)


_NOTES: dict[str, Callable[[Any], Any]] = {
    "parameters": _parameters,
    "n_features": lambda model: int(model.n_features_in_),
    "feature_names": lambda model: [str(name) for name in plain_members(model.feature_names_in_)],
    "classes": lambda model: plain_members(model.classes_),
}
