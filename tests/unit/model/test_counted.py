"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from runlore.model.counted import counted


@pytest.mark.parametrize(("count", "said"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (1000, "1000 steps")])
def test_one_is_singular(count: int, said: str) -> None:
    """One is in the singular, and everything else in the plural."""
    assert counted(count, "step") == said
