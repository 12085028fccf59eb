"""References: everything in the record that refers to bytes. Whoever adds a kind of reference adds a line here.

Pruning, sweeping and `check` know of no other. A line that is forgotten is data that is lost.
"""

from __future__ import annotations

from typing import NamedTuple


class Reference(NamedTuple):
    """One kind of reference."""

    #: Gives rows (seq of the version that it belongs to or null, digest, form).
    select: str
    #: Condition under which a row may name a payload and have come since a moment (``:run``, ``:version``); 1: any may.
    since: str = "1"


#: Stands for the form of a code snapshot, a blob that names others.
SNAPSHOT = -1

REFERENCES = {
    "version": Reference("select v.seq, v.digest, v.form from version v where v.deleted = 0", "v.seq > :version"),
    "item": Reference(
        "select v.seq, i.digest, i.form from item i left join version v on v.run = i.run and v.step = i.step "
        "and v.item = -1 and v.pos = i.pos where (v.seq is not null or i.run in (select seq from run))",
        "i.run >= :run",
    ),
    "picture": Reference("select p.version, p.digest, 0 from picture p where p.digest is not null"),
    "spared": Reference("select null, s.digest, s.form from spared s where 1"),
    "environment": Reference("select null, r.environment, 1 from run r where r.environment is not null", "0"),
    "code": Reference(f"select null, r.code, {SNAPSHOT} from run r where r.code is not null", "0"),
}
#: Versions marked to go keep their bytes until they do.
CONDEMNED = Reference(
    "select v.seq, v.digest, v.form from condemned c join version v on v.seq = c.version where c.was = 0"
)
#: Where digests stand within text: what git said of a run.
TEXTS = "select distinct config from run where instr(config, 'sha256:') > 0"
