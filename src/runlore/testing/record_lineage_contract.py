"""The part of the record's contract about lineage: what something was made from, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from runlore.errors import NotFound
from runlore.model.artifact import LookedUp, SaveType
from runlore.model.change import Change, Input, NewVersion, Output, TaskFinished, VersionSaved
from runlore.model.lineage import Direction, Key, More, StepFacts, StepKey, Traced, VersionKey
from runlore.model.noun import changed
from runlore.model.pruning import Pruning
from runlore.model.run import Run
from runlore.model.status import Status
from runlore.record.port import Record
from runlore.testing.record_stories import END, begun, finished, inline, new_step, new_version, step_end

UP, DOWN = Direction.UP, Direction.DOWN


def saved(record: Record, version: NewVersion) -> int:
    """Save a version by hand; return its seq."""
    return record.commit([VersionSaved(version=version)]).versions[version.id][0]


def taking(
    record: Record,
    *taken: int,
    gives: Sequence[NewVersion | int] = (),
    looked_up: tuple[LookedUp, ...] = (),
    **given: Any,
) -> tuple[Run, list[int]]:
    """A completed run of one step ``use`` that takes versions and gives some; the run, and the seqs of what it gave."""
    run, fence = begun(record, new_step(0, "use"), **given)
    inputs = tuple(Input(name=f"in{number}", version=seq) for number, seq in enumerate(taken))
    record.commit([finished(0, *gives, inputs=inputs, looked_up=looked_up), step_end(), END], fence=fence)
    made = [edge.version for edge in record.edges(run.seq) if edge.direction == "output"]
    return run, made


def told(traced: Traced) -> list[str]:
    """Links in words."""

    def word(key: Key) -> str:
        if isinstance(key, VersionKey):
            return f"v{key.seq}" + ("" if key.element is None else f"[{key.element}]")
        return f"{key.run}/{key.index}" + ("" if key.item is None else f"/{key.item}")

    return [
        f"{word(link.source)} {link.flow} {link.name} {word(link.target)}"
        + (f" {link.elements[0]}-{link.elements[1]}" if link.elements else "")
        for link in traced.links
    ]


class RecordLineageContract:
    """What every record promises about lineage. Give a ``record`` fixture: an empty store."""

    def test_lineage_goes_up_and_down_across_runs_and_pipelines(self, record: Record) -> None:
        """Up leads from a version to the steps and versions it came from, down to those that came of it."""
        raw = saved(record, new_version("raw", save_type=SaveType.MANUAL))
        first, (clean,) = taking(record, raw, gives=[new_version("clean")])
        second, (model,) = taking(record, clean, raw, gives=[new_version("model")], pipeline="other")

        up = record.lineage([VersionKey(model)], UP)
        down = record.lineage([VersionKey(raw)], DOWN)

        assert told(up) == [
            f"{second.seq}/0 output out0 v{model}",
            f"v{clean} input in0 {second.seq}/0",
            f"v{raw} input in1 {second.seq}/0",
            f"{first.seq}/0 output out0 v{clean}",
            f"v{raw} input in0 {first.seq}/0",
        ]
        assert told(down) == [
            f"v{raw} input in1 {second.seq}/0",
            f"v{raw} input in0 {first.seq}/0",
            f"{second.seq}/0 output out0 v{model}",
            f"{first.seq}/0 output out0 v{clean}",
            f"v{clean} input in0 {second.seq}/0",
        ]
        assert [node.pathspec for node in down.nodes] == [
            "artifact:raw@1",
            "other/1/use",
            "training/1/use",
            "artifact:model@1",
            "artifact:clean@1",
        ]
        assert up.start == (VersionKey(model),) and (up.more, down.more) == ((), ())
        step = next(node for node in up.nodes if node.key == StepKey(second.seq, 0))
        assert isinstance(step, StepFacts)
        assert (step.name, step.pipeline, step.number, step.run) == ("use", "other", 1, second.name)
        assert (step.status, step.duration, step.tasks, step.origins) == ("completed", 1.5, None, ())

    def test_steps_start_with_what_they_took_or_gave(self, record: Record) -> None:
        """From steps, level 0 are their own inputs or outputs; several starts make one graph."""
        raw = saved(record, new_version("raw"))
        run, (clean,) = taking(record, raw, gives=[new_version("clean")])
        other, (model,) = taking(record, clean, gives=[new_version("model")])
        steps = [StepKey(run.seq, 0), StepKey(other.seq, 0)]

        assert told(record.lineage(steps[1:], UP, depth=0)) == [f"v{clean} input in0 {other.seq}/0"]
        assert told(record.lineage(steps[:1], DOWN, depth=0)) == [f"{run.seq}/0 output out0 v{clean}"]
        assert told(record.lineage(steps, UP)) == [
            f"v{raw} input in0 {run.seq}/0",
            f"v{clean} input in0 {other.seq}/0",
            f"{run.seq}/0 output out0 v{clean}",
        ]
        assert record.lineage([], UP).nodes == ()
        for absent in (StepKey(run.seq, 7), StepKey(99, 0), VersionKey(99)):
            with pytest.raises(NotFound):
                record.lineage([absent], DOWN)

    def test_look_ups_saves_and_cached_results_are_links(self, record: Record) -> None:
        """What a step looked up or saved shows, and a cached step leads down to the version that another made."""
        base = saved(record, new_version("base"))
        asked = (LookedUp(artifact="base", asked="1", version=base), LookedUp(artifact="none"))
        run, fence = begun(record, new_step(0, "use"))
        by_hand = Output(name="note", value=new_version("note", save_type=SaveType.MANUAL), direction="saved")
        task = finished(0, new_version("model"), looked_up=asked)
        record.commit([_with(task, by_hand), step_end(), END], fence=fence)
        model, note = (edge.version for edge in record.edges(run.seq) if edge.direction != "input")
        again, fence = begun(record, new_step(0, "use"))
        record.commit(
            [
                finished(0, model, looked_up=asked[:1], origin=(run.seq, 0, 0), status=Status.CACHED),
                step_end(status=Status.CACHED, origin=(run.seq, 0)),
                END,
            ],
            fence=fence,
        )

        down = record.lineage([VersionKey(base)], DOWN)

        assert told(down) == [
            f"v{base} looked-up artifact:base@1 {again.seq}/0",
            f"v{base} looked-up artifact:base@1 {run.seq}/0",
            f"{again.seq}/0 output out0 v{model}",
            f"{run.seq}/0 output out0 v{model}",
            f"{run.seq}/0 saved note v{note}",
        ]
        origins = {node.key: node.origins for node in down.nodes if isinstance(node, StepFacts)}
        assert origins == {StepKey(again.seq, 0): ("training/1/use",), StepKey(run.seq, 0): ()}
        assert told(record.lineage([VersionKey(note)], UP)) == [
            f"{run.seq}/0 saved note v{note}",
            f"v{base} looked-up artifact:base@1 {run.seq}/0",
        ]
        assert told(record.lineage([VersionKey(model)], UP))[0] == f"{run.seq}/0 output out0 v{model}"
        record.delete_run(run.seq)
        (cached,) = [node for node in record.lineage([VersionKey(base)], DOWN).nodes if isinstance(node, StepFacts)]
        assert cached.origins == (None,)

    def test_copies_lead_to_where_their_bytes_are_from(self, record: Record) -> None:
        """A version with another's bytes leads up to it and to its own step, and is found below it."""
        one = new_version("model")
        run, (model,) = taking(record, gives=[one])
        other, (copy,) = taking(record, gives=[new_version("best", origin=one.id)])
        user, _ = taking(record, copy)

        assert told(record.lineage([VersionKey(copy)], UP)) == [
            f"{other.seq}/0 output out0 v{copy}",
            f"v{model} copy  v{copy}",
            f"{run.seq}/0 output out0 v{model}",
        ]
        assert told(record.lineage([VersionKey(model)], DOWN)) == [
            f"v{model} copy  v{copy}",
            f"v{copy} input in0 {user.seq}/0",
        ]

    def test_elements_and_tasks_are_nodes_where_one_is_meant(self, record: Record) -> None:
        """A collection that is walked is one link with a range; one element alone leads through one task."""
        raw = saved(record, new_version("raw"))
        seeds = [saved(record, new_version("seed", bytes([number]))) for number in range(3)]
        run, fence = begun(record, new_step(0, "fit", tasks=3), new_step(1, "score", tasks=3), new_step(2, "best"))
        changes: list[Change] = [
            finished(0, inline(bytes([item])), item=item, inputs=(Input(name="seed", version=seed),))
            for item, seed in enumerate(seeds)
        ]
        shared = (Input(name="raw", version=raw),)
        models = new_version("models")
        changes.append(step_end(0, inputs=shared, outputs=(Output(name="m", value=models),)))
        changes += [
            finished(
                1, inline(bytes([item])), item=item, inputs=(Input(name="m", version=models.id, element=2 - item),)
            )
            for item in range(3)
        ]
        scores = new_version("scores")
        changes.append(step_end(1, outputs=(Output(name="s", value=scores),)))
        one = (Input(name="s", version=scores.id, element=1), Input(name="m", version=models.id, element=1))
        changes += [finished(2, new_version("best"), inputs=one), step_end(2), END]
        record.commit(changes, fence=fence)
        m, s, best = (record.edges(run.seq, step, item)[-1].version for step, item in ((0, -1), (1, -1), (2, 0)))
        r = run.seq

        assert told(record.lineage([VersionKey(s)], UP)) == [
            f"{r}/1 output s v{s}",
            f"v{m} input m {r}/1 0-2",
            f"{r}/0 output m v{m}",
            f"v{raw} input raw {r}/0",
            *(f"v{seed} input seed {r}/0" for seed in seeds),
        ]
        assert told(record.lineage([VersionKey(best)], UP)) == [
            f"{r}/2 output out0 v{best}",
            f"v{s}[1] input s {r}/2",
            f"v{m}[1] input m {r}/2",
            f"{r}/1/1 output s v{s}[1]",
            f"{r}/0/1 output m v{m}[1]",
            f"v{m}[1] input m {r}/1/1",
            f"v{raw} input raw {r}/0/1",
            f"v{seeds[1]} input seed {r}/0/1",
        ]
        assert told(record.lineage([VersionKey(seeds[2])], DOWN)) == [
            f"v{seeds[2]} input seed {r}/0/2",
            f"{r}/0/2 output m v{m}[2]",
            f"v{m}[2] input m {r}/1/0",
            f"{r}/1/0 output s v{s}[0]",
        ]
        assert told(record.lineage([VersionKey(m)], DOWN))[:2] == [
            f"v{m} input m {r}/2 1-1",
            f"v{m} input m {r}/1 0-2",
        ]
        assert told(record.lineage([VersionKey(raw)], DOWN, depth=1)) == [
            f"v{raw} input raw {r}/0",
            f"{r}/0 output m v{m}",
        ]

    def test_what_a_task_saved_is_its_own(self, record: Record) -> None:
        """A version that one task of a mapped step saved leads up to that task alone."""
        seeds = [saved(record, new_version("seed", bytes([number]))) for number in range(2)]
        run, fence = begun(record, new_step(0, "fit", tasks=2))
        notes = [new_version("note", bytes([number]), save_type=SaveType.MANUAL) for number in range(2)]
        for item in range(2):
            task = finished(0, inline(b"x"), item=item, inputs=(Input(name="seed", version=seeds[item]),))
            by_hand = Output(name="note", value=notes[item], direction="saved")
            record.commit([_with(task, by_hand)], fence=fence)
        record.commit([step_end(outputs=(Output(name="m", value=new_version("models")),)), END], fence=fence)
        note = record.edges(run.seq, 0, 1)[-1].version

        assert told(record.lineage([VersionKey(note)], UP)) == [
            f"{run.seq}/0/1 saved note v{note}",
            f"v{seeds[1]} input seed {run.seq}/0/1",
        ]

    def test_origins_of_tasks_are_those_of_their_step(self, record: Record) -> None:
        """A mapped step whose tasks were served from several runs names them all, each once."""
        runs = []
        for _ in range(2):
            run, fence = begun(record, new_step(0, "fit", tasks=1))
            record.commit([finished(0, inline(b"x")), step_end(), END], fence=fence)
            runs.append(run)
        run, fence = begun(record, new_step(0, "fit", tasks=3))
        for item in range(3):
            origin = (runs[item % 2].seq, 0, 0)
            record.commit([finished(0, inline(b"x"), item=item, origin=origin, status=Status.CACHED)], fence=fence)
        record.commit([step_end(status=Status.CACHED), END], fence=fence)

        (node,) = record.lineage([StepKey(run.seq, 0)], UP).nodes

        assert isinstance(node, StepFacts) and node.origins == ("training/1/fit", "training/2/fit")

    def test_what_was_deleted_is_shown_as_such(self, record: Record) -> None:
        """The step of a deleted run is a node of which nothing is known, and the way up ends there."""
        raw = saved(record, new_version("raw"))
        run, (clean,) = taking(record, raw, gives=[new_version("clean")])
        _, (model,) = taking(record, clean, gives=[new_version("model")])
        record.delete_run(run.seq)

        traced = record.lineage([VersionKey(model)], UP)

        gone = [node for node in traced.nodes if isinstance(node, StepFacts) and node.deleted]
        assert gone == [StepFacts(key=StepKey(run.seq, 0))] and gone[0].pathspec is None
        assert told(traced)[-1] == f"{run.seq}/0 output  v{clean}"
        assert record.lineage([VersionKey(raw)], DOWN).links == ()

    def test_depth_counts_steps(self, record: Record) -> None:
        """A depth of n crosses n steps; what leads on there is told."""
        seq = saved(record, new_version("v0"))
        chain = [seq]
        for number in range(1, 4):
            chain += taking(record, chain[-1], gives=[new_version(f"v{number}")])[1]

        for depth in range(5):
            up = record.lineage([VersionKey(chain[3])], UP, depth=depth)
            down = record.lineage([VersionKey(chain[0])], DOWN, depth=depth)
            crossed = min(depth, 3)
            assert len(up.links) == len(down.links) == 2 * crossed
            assert up.more == (() if depth >= 3 else (More(key=VersionKey(chain[3 - depth])),))
            assert down.more == (() if depth >= 3 else (More(key=VersionKey(chain[depth])),))

    def test_breadth_takes_the_newest_takers_and_tells_how_many_there_are(self, record: Record) -> None:
        """Of many takers the newest are followed, however they took it; of many inputs the first ones."""
        seqs = [saved(record, new_version("v", bytes([number]))) for number in range(5)]
        asked = (LookedUp(artifact="v", version=seqs[0]),)
        runs = [taking(record, seqs[0])[0] if number % 2 else taking(record, looked_up=asked)[0] for number in range(7)]
        wide, _ = taking(record, *seqs)

        down = record.lineage([VersionKey(seqs[0])], DOWN, breadth=3)
        up = record.lineage([StepKey(wide.seq, 0)], UP, breadth=2)

        assert [link.target for link in down.links] == [StepKey(run.seq, 0) for run in (wide, *reversed(runs[5:]))]
        assert down.more == (More(key=VersionKey(seqs[0]), count=5),)
        assert [link.source for link in up.links] == [VersionKey(seqs[0]), VersionKey(seqs[1])]
        assert up.more == (More(key=StepKey(wide.seq, 0), count=3),)

    def test_the_limit_bounds_all_nodes_and_tells_what_was_left(self, record: Record) -> None:
        """With a limit there are never more nodes, and every node that leads further says so."""
        seq = saved(record, new_version("v"))
        layer = [seq]
        for number in range(3):
            made = []
            for version in layer:
                for copy in range(3):
                    made += taking(record, version, gives=[new_version(f"v{number}-{copy}", bytes([copy]))])[1]
            layer = made
        whole = record.lineage([VersionKey(seq)], DOWN)
        assert len(whole.nodes) == 1 + 2 * (3 + 9 + 27) and whole.more == ()

        for limit in range(0, len(whole.nodes) + 2, 3):
            some = record.lineage([VersionKey(seq)], DOWN, limit=limit)
            kept = {node.key for node in some.nodes}
            assert len(kept) == min(max(limit, 1), len(whole.nodes))
            assert all(link.source in kept and link.target in kept for link in some.links)
            cut = {link.source for link in whole.links if link.source in kept and link not in some.links}
            assert cut == {more.key for more in some.more}

    def test_diamonds_are_visited_once(self, record: Record) -> None:
        """What is reached by several ways is one node, with a link for each."""
        base = saved(record, new_version("base"))
        for _ in range(12):
            left = taking(record, base, gives=[new_version("left")])[1][0]
            right = taking(record, base, gives=[new_version("right")])[1][0]
            (base,) = taking(record, left, right, gives=[new_version("base")])[1]

        up = record.lineage([VersionKey(base)], UP)

        assert len(up.nodes) == 1 + 12 * 6 and len(up.links) == 12 * 7
        assert len({node.key for node in up.nodes}) == len(up.nodes)

    def test_deleted_bytes_are_still_a_node(self, record: Record) -> None:
        """A version whose bytes were deleted is a node like any other, and says so."""
        run, (model,) = taking(record, gives=[new_version("model")])
        record.delete_run(run.seq)
        since = record.prunable(Pruning(part="artifact")).since
        assert record.condemn([model], since, "artifact") == (model,)

        (node, _) = record.lineage([VersionKey(model)], UP).nodes

        assert node.deleted


def _with(task: TaskFinished, output: Output) -> TaskFinished:
    return changed(task, outputs=(*task.outputs, output))
