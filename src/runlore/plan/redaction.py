"""Redaction: the secret texts of one run, kept out of what is recorded about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlore.values.codec import encode

#: Length from which on a secret text is looked for inside other texts; shorter ones would hide too much.
TELLING = 4
#: What stands where a secret was.
SHOWN = "<secret>"
_WALKED = (list, tuple, set, frozenset)


class Redaction:
    """Knows the secrets that a run was given, and takes them out of texts."""

    def __init__(self) -> None:
        self._values: set[str | bytes] = set()
        #: Secret texts as they stand in a text and as they stand inside a larger encoded value, such as a dict.
        self._parts: set[str] = set()
        self._longest_first: tuple[str, ...] = ()

    def add(self, value: Any) -> None:
        """Keep ``value`` secret from now on; in a collection, each text that it holds."""
        if isinstance(value, Mapping):
            for item in value.values():
                self.add(item)
        elif isinstance(value, _WALKED):
            for item in value:
                self.add(item)
        elif isinstance(value, (str, bytes)) and value and value not in self._values:
            self._values.add(value)
            if isinstance(value, str) and len(value) >= TELLING:
                # a secret that holds another one is replaced as a whole
                self._parts |= {value, encode(value)[1:-1]}
                self._longest_first = tuple(sorted(self._parts, key=len, reverse=True))

    def is_secret(self, value: Any) -> bool:
        """Whether ``value`` is one of the secrets."""
        return bool(self._values) and isinstance(value, (str, bytes)) and value in self._values

    def is_in(self, encoded: str) -> bool:
        """Whether a secret stands in the text of an encoded value."""
        return any(part in encoded for part in self._longest_first)

    def text(self, text: str) -> str:
        """Return ``text`` with ``<secret>`` in place of each secret."""
        for part in self._longest_first:
            text = text.replace(part, SHOWN)
        return text

    def value(self, value: Any) -> Any:
        """Return ``value``, with the secrets taken out of the texts that it is or holds."""
        if not self._longest_first:
            return value
        if type(value) is str:
            return self.text(value)
        if type(value) is dict:
            return {self.value(key): self.value(item) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(self.value(item) for item in value)
        return value
