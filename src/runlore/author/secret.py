"""Secret: marks a parameter whose value is used but never recorded."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar, get_args, get_origin

T = TypeVar("T")


class SecretMark:
    """What makes an annotation secret; put there by `Secret`."""

    def __repr__(self) -> str:
        return "secret"


SECRET = SecretMark()

#: ``token: Secret[str]`` gives the step the value and shows ``<secret>`` everywhere else.
Secret = Annotated[T, SECRET]


def is_secret(annotation: Any) -> bool:
    """Whether a value under this annotation is redacted; a secret part makes the whole secret."""
    if get_origin(annotation) is Annotated and any(isinstance(mark, SecretMark) for mark in annotation.__metadata__):
        return True
    return any(is_secret(part) for part in get_args(annotation) if not isinstance(part, str))
