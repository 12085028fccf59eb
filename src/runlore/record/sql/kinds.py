"""Numbers that the tables hold for kinds of owners and of facts."""

from __future__ import annotations

from runlore.model.metadata import OwnerKind

#: Positions are stored: only ever append.
OWNER_KINDS = tuple(OwnerKind)
#: Kinds of facts. The last four sum a metric up.
PARAMETER, RUN_METADATA, VERSION_METADATA, METRIC_LAST, METRIC_MIN, METRIC_MAX, METRIC_COUNT = range(7)
#: The kind of zones that bound when runs began; they have no facts, and 0 for a key.
CREATED = 7
#: What a noun's keyed fields (`runlore.model.query.KEYED`) look at.
FACT_KINDS = {
    ("run", "parameter"): PARAMETER,
    ("run", "metadata"): RUN_METADATA,
    ("version", "metadata"): VERSION_METADATA,
    ("run", "metric"): METRIC_LAST,
    ("run", "metric.min"): METRIC_MIN,
    ("run", "metric.max"): METRIC_MAX,
    ("run", "metric.count"): METRIC_COUNT,
    ("run", "step.metadata"): RUN_METADATA,
    ("run", "step.metric"): METRIC_LAST,
    ("run", "step.metric.min"): METRIC_MIN,
    ("run", "step.metric.max"): METRIC_MAX,
    ("run", "step.metric.count"): METRIC_COUNT,
    ("run", "artifact.metadata"): VERSION_METADATA,
}
#: Kinds of which a run may have several values under one key, each from another step.
FROM_STEPS = frozenset((RUN_METADATA, METRIC_LAST, METRIC_MIN, METRIC_MAX, METRIC_COUNT))
#: Stands in a step's place for what was noted on the run or version itself.
OWN = -1
