"""What is kept of an exception."""

from __future__ import annotations

from runlore.model.run import Failure


def test_an_exception_without_a_message_is_its_type() -> None:
    """It is said as the end of a traceback says it."""
    assert Failure(type="builtins.ValueError", message="no").said == "builtins.ValueError: no"
    assert Failure(type="builtins.KeyboardInterrupt", message="").said == "builtins.KeyboardInterrupt"
