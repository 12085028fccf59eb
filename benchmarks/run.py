"""Measure runlore beside the floor program, alternately on one machine, and print a table of medians and ratios.

    python benchmarks/run.py              everything; filling a store with a million runs takes minutes
    python benchmarks/run.py chain map    of: install start run chain map keep metrics large values prune recall
    python benchmarks/run.py recall --runs 1000 100000    among how many runs to look
    python benchmarks/run.py recall --stores DIR    in stores that are kept there, filled if need be
    python benchmarks/run.py --rounds 9   more rounds, steadier medians

Times of one machine scatter; ratios of things measured in turns scatter less. Nothing is asserted here.
"""

from __future__ import annotations

import argparse
import os
import platform
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from install import install
from large import large
from measure import table
from metrics import metrics
from prune import prune
from recall import SIZES, recall
from start import start
from steps import chains, keeping, maps, runs
from values import values

MEASURES = {
    "install": install,
    "start": start,
    "run": runs,
    "chain": chains,
    "map": maps,
    "keep": keeping,
    "metrics": metrics,
    "large": large,
    "values": values,
    "prune": prune,
    "recall": recall,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--rounds", type=int, default=5, help="how often each thing is measured")
    parser.add_argument("--runs", type=int, nargs="+", default=SIZES, help="sizes of the stores of section recall")
    parser.add_argument("--stores", type=Path, help="where the stores of section recall are kept")
    chosen = parser.parse_args()
    unknown = set(chosen.sections) - set(MEASURES)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    sections = chosen.sections or list(MEASURES)
    measures = MEASURES | {"recall": partial(recall, sizes=sorted(chosen.runs), stores=chosen.stores)}
    rows = [row for name, measure in measures.items() if name in sections for row in measure(chosen.rounds)]
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}"
    )
    print(table(rows))


if __name__ == "__main__":
    main()
