"""What large values cost to save and to load: an array, a frame, and nested collections."""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from floor import Floor
from measure import Row, emptied, timed

from runlore import pipeline, step
from runlore.workspace import default_workspace

NUMBERS = 32 * 1024 * 1024
SIZE = NUMBERS * 8
ROWS = 1_000_000
#: A file younger than this is not trusted to be unchanged, so it would be hashed again (seconds).
SETTLED = 2.5


def large(rounds: int) -> Iterator[Row]:
    """Large values without limits of memory: an array, a frame, then collections of many small values."""
    rounds = max(3, rounds // 2)
    with emptied() as folder:
        yield from array(rounds, folder)
    with emptied() as folder:
        yield from frame(rounds, folder)
    for name, make in COLLECTIONS.items():
        with emptied() as folder:
            yield collection(rounds, folder, name, make)


# --- an array of 256 MB -------------------------------------------------------------------------------------------


def array(rounds: int, folder: Path) -> Iterator[Row]:
    """An array, stored and loaded without a pipeline around it."""
    import numpy as np

    floor = Floor(folder / "floor")
    source = np.random.default_rng(0)
    columns = list(zip(*[_array_once(floor, source.random(NUMBERS)) for _ in range(rounds)], strict=True))
    floor.close()
    kept, saved, hashed, first, read, loaded = (statistics.median(column) for column in columns)
    yield Row(what="256 MB array: save", floor=kept, runlore=saved, budget="≤ 0.7")
    yield Row(
        what="256 MB array: load, never verified (floor: hashing it)", floor=hashed, runlore=first, budget="≤ 1.2"
    )
    yield Row(what="256 MB array: load, verified before", floor=read, runlore=loaded, budget="≤ 10 ms")
    yield from _in_fresh_processes(
        "256 MB array", "np.zeros(10)", f"np.random.default_rng(0).random({NUMBERS})", budgets=("≤ 10 ms", "≤ 64 MB")
    )


def _array_once(floor: Floor, value: Any) -> tuple[float, ...]:
    vault = default_workspace().vault
    names: list[str] = []
    contents: list[Any] = []
    bytes_of = memoryview(value).cast("B")
    kept = timed(lambda: names.append(floor.keep(bytes_of)))
    saved = timed(lambda: contents.append(vault.store(value)))
    read = timed(lambda: floor.get(names[0]))
    floor.forget(names[0])
    hashed = timed(lambda: hashlib.sha256(bytes_of).digest())
    time.sleep(SETTLED)
    first = timed(lambda: vault.load(contents[0]))
    loaded = timed(lambda: vault.load(contents[0]))
    vault.blobs.delete(contents[0].digest)
    return kept, saved, hashed, first, read, loaded


_FRESH = r"""
import sys, time
sys.path.insert(0, sys.argv[1])
import numpy as np
from runlore.client import Client
from runlore import save_artifact
from runlore.workspace import default_workspace

def memory(line):
    with open("/proc/self/status") as file:
        return next(int(each.split()[1]) * 1024 for each in file if each.startswith(line))

def settled():
    # what is held now; the peak is counted anew from here
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return memory("VmRSS")

def save(small, make):
    save_artifact(small, "small")
    value = make()
    before = settled()
    save_artifact(value, "large")
    print(memory("VmHWM") - before)

def load():
    client = Client()
    client.get_artifact_version("small").load()
    before, began = settled(), time.perf_counter()
    value = client.get_artifact_version("large").load()
    print(time.perf_counter() - began, memory("VmHWM") - before)
"""


def _in_fresh_processes(what: str, small: str, make: str, *, budgets: tuple[str, str] = ("", "")) -> Iterator[Row]:
    """Peak memory, and a load by a process that has read nothing before but ``small``. Linux tells, others do not."""
    if not Path("/proc/self/clear_refs").exists():
        return
    more = in_fresh_process(small, make)
    time.sleep(SETTLED)
    _, loading = _python(_FRESH + "load()")
    again, _ = _python(_FRESH + "load()")
    yield Row(what=f"{what}: load in a fresh process", floor=None, runlore=again, budget=budgets[0])
    yield Row(
        what=f"{what}: peak memory of saving, over the value", floor=None, runlore=more, unit="MB", budget=budgets[1]
    )
    yield Row(what=f"{what}: peak memory of loading and verifying", floor=None, runlore=loading, unit="MB")


def in_fresh_process(small: str, make: str) -> float:
    """Peak memory of saving what ``make`` gives, over the value, where ``small`` was saved before. Linux only."""
    (more,) = _python(_FRESH + f"import values\nfrom large import *\nsave({small}, lambda: {make})")
    return more


def _python(code: str) -> list[float]:
    command = [sys.executable, "-c", code, str(Path(__file__).parent)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


# --- a frame of a million rows ------------------------------------------------------------------------------------


def make_frame() -> Any:
    import numpy as np
    import pandas as pd

    source = np.random.default_rng(next(_seeds))
    return pd.DataFrame(
        {
            "key": np.arange(ROWS),
            "count": source.integers(0, 1_000, ROWS),
            "score": source.random(ROWS),
            "price": source.random(ROWS).round(2),
            "flag": source.random(ROWS) > 0.5,
            "time": pd.date_range("2026-01-01", periods=ROWS, freq="s"),
            "word": np.array(["alpha", "beta", "gamma"], dtype=object)[source.integers(0, 3, ROWS)],
            "kind": pd.Categorical.from_codes(source.integers(0, 3, ROWS), ["x", "y", "z"]),
        }
    )


_seeds = iter(range(1_000_000))
#: What the next first step returns. A queue, since what it holds is no part of the step's code.
_ready: SimpleQueue[Any] = SimpleQueue()


@step(enable_cache=False)
def produce() -> Any:
    return _ready.get()


@step(enable_cache=False)
def consume(frame: Any) -> int:
    return len(frame)


@pipeline
def hand_off() -> None:
    consume(produce())


def frame(rounds: int, folder: Path) -> Iterator[Row]:
    """A frame that one step makes and the next one takes."""
    floor = Floor(folder / "floor")
    vault = default_workspace().vault
    names: list[str] = []
    contents: list[Any] = []
    _ready.put(make_frame())
    hand_off()
    times = []
    for _ in range(rounds):
        value = make_frame()
        _ready.put(value)
        saved = timed(lambda value=value: names.append(floor.keep(memoryview(_arrow(value)))))
        loaded = timed(lambda: _from_arrow(floor.get(names[-1])))
        handed = timed(hand_off)
        value = make_frame()
        stored = timed(lambda value=value: contents.append(vault.store(value)))
        first = timed(lambda: vault.load(contents[-1]))
        time.sleep(SETTLED)
        vault.load(contents[-1])
        again = timed(lambda: vault.load(contents[-1]))
        times.append((saved + loaded, handed, saved, stored, loaded, first, again))
    floor.close()
    medians = (statistics.median(column) for column in zip(*times, strict=True))
    below, handed, saved, stored, loaded, first, again = medians
    what = "1,000,000 × 8 frame"
    yield Row(what=f"{what}: hand-off in a pipeline", floor=below, runlore=handed, budget="≤ 2")
    yield Row(what=f"{what}: save", floor=saved, runlore=stored)
    yield Row(what=f"{what}: load, never verified", floor=loaded, runlore=first, budget="≤ 2")
    yield Row(what=f"{what}: load, verified before", floor=loaded, runlore=again, budget="≤ 2")
    yield from _in_fresh_processes(what, "make_frame().head()", "make_frame()")


def _arrow(value: Any) -> Any:
    import pyarrow as pa

    table = pa.Table.from_pandas(value)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _from_arrow(data: bytes) -> Any:
    import pyarrow as pa

    return pa.ipc.open_stream(data).read_all().to_pandas()


# --- nested collections -------------------------------------------------------------------------------------------

HANDED = 20


def floats() -> Any:
    import random

    return {f"key {place}": random.random() for place in range(10_000)}


def records() -> Any:
    import random

    return [
        {
            "id": place,
            "name": f"item {place}",
            "ok": place % 2 == 0,
            "score": random.random(),
            "rank": place,
            "note": None,
        }
        for place in range(300)
    ]


def arrays() -> Any:
    import numpy as np

    source = np.random.default_rng()
    return [{"id": place, "weights": source.random(16), "label": f"item {place}"} for place in range(300)]


def lists() -> Any:
    import random

    return [[[random.random() for _ in range(10)] for _ in range(30)] for _ in range(30)]


def pairs() -> Any:
    import random

    return {place: (place, random.random()) for place in range(3_000)}


def scores() -> Any:
    import numpy as np

    return list(np.random.default_rng().random(9_000))


def history() -> Any:
    import random

    import numpy as np

    return {"weights": np.random.default_rng().random(2_000), "losses": [random.random() for _ in range(5_000)]}


def words() -> Any:
    import random

    return {f"key {place}": f"word {random.random()}" for place in range(3_000)}


COLLECTIONS: dict[str, Callable[[], Any]] = {
    "dict of 10,000 floats": floats,
    "list of 300 dicts": records,
    "list of 300 dicts with an array each": arrays,
    "nested lists of 9,000 floats": lists,
    "dict of 3,000 int keys and tuples": pairs,
    "list of 9,000 numbers of numpy": scores,
    "array and 5,000 floats beside it": history,
    "dict of 3,000 texts": words,
}


def same(value: Any) -> Any:
    return value


same_step = step(same, enable_cache=False)


@pipeline
def pass_on(length: int) -> None:
    value = produce()
    for _ in range(length):
        value = same_step(value)


def collection(rounds: int, folder: Path, name: str, build: Callable[[], Any]) -> Row:
    """A value that is handed from step to step: loaded by each, and saved again."""
    floor = Floor(folder / "floor")
    _ready.put(build())
    pass_on(HANDED)
    times = []
    before = _kept()
    for _ in range(max(5, rounds)):
        value = build()
        _ready.put(value)
        plain = timed(lambda value=value: floor.pass_on(value, same, HANDED))
        times.append((plain, timed(lambda: pass_on(HANDED))))
    after = _kept()
    floor.close()
    outputs = len(times)  # equal bytes are kept once, however often a round hands them on
    files, payloads = ((now - then) / outputs for now, then in zip(after, before, strict=True))
    below, handed = (statistics.median(column) for column in zip(*times, strict=True))
    return Row(
        what=f"{name}: per step ({files:.3g} files, {payloads:.3g} rows an output)",
        floor=below,
        runlore=handed,
        units=HANDED,
        budget="≤ 3",
    )


def _kept() -> tuple[int, int]:
    """How many blobs and how many payload rows there are."""
    workspace = default_workspace()
    return len(list(workspace.vault.blobs.list())), _payload_rows(Path(os.environ["RUNLORE_HOME"]))


def _payload_rows(home: Path) -> int:
    import sqlite3

    (database,) = home.rglob("*.db")
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        return int(connection.execute("select count(*) from payload").fetchone()[0])
