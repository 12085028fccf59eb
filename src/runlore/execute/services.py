"""Services: what executing a run needs from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runlore.record.port import Record
from runlore.record.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the engine needs from outside."""

    record: Record
    vault: Vault
    emit: Callable[[Any], None]
    #: Opens a handle on a run, for the step context.
    open_run: Callable[[int], Any]
    log_limit: int
    caching: bool = True
    #: Whether values are described, unless a step or its pipeline says otherwise.
    describing: bool = True
    #: Whether pictures of values may be made, unless a step or its pipeline says otherwise.
    picturing: bool = True
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
