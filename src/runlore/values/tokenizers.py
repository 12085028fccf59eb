"""Tokenizers of the library ``tokenizers``: its own JSON, which its readers in every language read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import tokenizers

from runlore.errors import ValueUnloadable
from runlore.values.materializer import Declined, Materializer, Picture, Reader, Writer
from runlore.values.outline import outline


class TokenizersMaterializer(Materializer):
    """Stores a ``tokenizers.Tokenizer``; one with parts written in Python has no such form."""

    name = "tokenizers"
    types = ("tokenizers.Tokenizer",)
    extra = "transformers"

    def takes(self, value: Any) -> bool:
        return type(value) is tokenizers.Tokenizer

    def save(self, value: Any, writer: Writer) -> None:
        try:
            text = value.to_str()
        except Exception as error:  # the library raises no other
            raise Declined(f"The tokenizer has no JSON form: {error}.") from error
        writer.write(text.encode())

    def load(self, reader: Reader) -> Any:
        try:
            return tokenizers.Tokenizer.from_str(reader.read().decode())
        except Exception as error:  # the library raises no other
            raise ValueUnloadable(f"tokenizers {tokenizers.__version__} does not read it: {error}.") from error

    def metadata(self, value: Any) -> Mapping[str, Any]:
        """Say what ``model`` it is of, and of how many words its ``vocabulary`` is."""
        return {
            "model": type(value.model).__name__,
            "vocabulary": value.get_vocab_size(),
            "tokenizers_version": str(tokenizers.__version__),
        }

    def pictures(self, value: Any) -> Sequence[Picture]:
        """Its settings and the beginning of its vocabulary, as JSON."""
        return (Picture(kind="json", data=outline(json.loads(value.to_str())), name="settings"),)
