"""Cache keys: pinned digests, and that every ingredient counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.plan.cache_key import cache_key

CALL: dict[str, Any] = {
    "fingerprint": bytes(range(32)),
    "parameters": {"lr": "0.1", "name": '"a"'},
    "inputs": {"data": "sha256:00"},
    "outputs": [("model", "cloudpickle"), ("score", "")],
    "ordinal": 0,
    "extras": {"env:MODE": '"x"'},
}


def test_keys_are_pinned() -> None:
    """The scheme gives these digests; whoever changes it raises its version."""
    assert cache_key(fingerprint=b"", parameters={}, inputs={}, outputs=[]).hex() == (
        "1e4d052ec82c5c3eaff27bcfb4dcd63edd123c0465f41c5aa93345bf981a0620"
    )
    assert cache_key(**CALL).hex() == "dc510315acbee34fc1f7dcd654dc98fdb881a91de1034531ac66d2ba37caffa9"


@pytest.mark.parametrize(
    "change",
    [
        {"fingerprint": bytes(32)},
        {"parameters": {"lr": "0.2", "name": '"a"'}},
        {"parameters": {"lr": '"0.1"', "name": '"a"'}},
        {"parameters": {"lr": "0.1"}},
        {"inputs": {"data": "sha256:01"}},
        {"inputs": {"data": "sha256:00", "name": '"a"'}, "parameters": {"lr": "0.1"}},
        {"outputs": [("model", ""), ("score", "cloudpickle")]},
        {"outputs": [("score", ""), ("model", "cloudpickle")]},
        {"ordinal": 1},
        {"extras": {}},
        {"extras": {"env:MODE": '"y"'}},
    ],
)
def test_every_ingredient_counts(change: dict[str, Any]) -> None:
    """A key differs as soon as one ingredient does, and moving one to another place is a difference."""
    assert cache_key(**{**CALL, **change}) != cache_key(**CALL)


@given(st.dictionaries(st.text(), st.text(), max_size=5))
def test_the_order_of_parameters_does_not_count(parameters: dict[str, str]) -> None:
    """Names make the parameters, not the order in which they were given."""
    backwards = dict(reversed(list(parameters.items())))

    assert cache_key(**{**CALL, "parameters": parameters}) == cache_key(**{**CALL, "parameters": backwards})


@given(st.dictionaries(st.text(), st.text(), max_size=3), st.dictionaries(st.text(), st.text(), max_size=3))
def test_different_parameters_have_different_keys(one: dict[str, str], other: dict[str, str]) -> None:
    """No two sets of parameters share a key, whatever characters they hold."""
    same = cache_key(**{**CALL, "parameters": one}) == cache_key(**{**CALL, "parameters": other})

    assert same == (one == other)
