"""Placeholders in names: ``{date}``, ``{time}`` and those of ``substitutions``, filled in when a body is traced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from runlore.errors import DefinitionError
from runlore.model.suggest import did_you_mean

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def moment(started: datetime) -> dict[str, str]:
    """``date`` (``2026_11_22``) and ``time`` (``03_55_11_971730``) of an aware moment, in UTC."""
    utc = started.astimezone(UTC)
    return {"date": utc.strftime("%Y_%m_%d"), "time": utc.strftime("%H_%M_%S_%f")}


def filled(text: str, values: Mapping[str, str], *, about: str) -> str:
    """Return ``text`` with its placeholders replaced; `DefinitionError` for one without a value."""
    if "{" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in values:
            raise DefinitionError(
                f"{about}: nothing is known for the placeholder {{{name}}} in {text!r}. Give it a value with "
                f"with_options(substitutions={{{name!r}: ...}}).{did_you_mean(name, values)}"
            )
        return values[name]

    return _PLACEHOLDER.sub(value, text)
