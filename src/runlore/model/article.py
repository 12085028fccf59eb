"""Article: *a* or *an* before a word that is known only when a message is written."""

from __future__ import annotations


def with_article(word: str) -> str:
    """``a step``, ``an artifact``, ``an int``. Goes by the first letter, ``u`` counting as a consonant."""
    return f"an {word}" if word[:1].lower() in tuple("aeio") else f"a {word}"
