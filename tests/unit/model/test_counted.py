"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from runlore.model.counted import counted


@pytest.mark.parametrize(("count", "said"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (1000, "1000 steps")])
def test_one_is_singular(count: int, said: str) -> None:
    """One is in the singular, and everything else in the plural."""
    assert counted(count, "step") == said


@pytest.mark.parametrize(("noun", "several"), [("entry", "entries"), ("alias", "aliases"), ("day", "days")])
def test_regular_plurals(noun: str, several: str) -> None:
    """What does not simply take an s is written as it is spelt."""
    assert counted(2, noun) == f"2 {several}"
