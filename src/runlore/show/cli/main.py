"""``runlore``: the command line. Every command is imported when it is used."""

from __future__ import annotations

import click

from runlore.show.cli.lazy import LazyGroup, RootGroup

_HERE = "runlore.show.cli."


@click.group(
    cls=RootGroup,
    lazy={
        "init": (_HERE + "workspace:init", "Make a record for the project in this folder."),
        "status": (_HERE + "workspace:status", "Say where the record is and what it holds."),
        "check": (_HERE + "workspace:check", "Verify every invariant and every stored byte."),
        "completion": (_HERE + "completion:completion", "Print the completion script of a shell."),
        "explain": (_HERE + "explain:explain", "Say why a step ran or came from the cache."),
        "lineage": (_HERE + "lineage:lineage", "Show what something was made from, and what came of it."),
    },
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="runlore", message="%(prog)s %(version)s")
@click.option("--namespace", metavar="TAG", help="See only runs with this tag, such as user:ann; '' is everything.")
@click.pass_context
def main(ctx: click.Context, namespace: str | None) -> None:
    """Run machine-learning pipelines and get any past result back.

    PATHSPECs name anything by position: training/12/train/0/model is pipeline / run / step / task / output, and any
    shorter beginning names the parent. The run may be its number, id, name, the unique beginning of one, latest or
    latest-successful.
    """
    if namespace is not None:
        from runlore.recall.namespace import use_namespace  # rarely asked for

        ctx.with_resource(use_namespace(namespace or None))


@main.group(
    cls=LazyGroup,
    lazy={
        "list": (_HERE + "pipeline:list_pipelines", "List pipelines."),
        "show": (_HERE + "pipeline:show", "Show one pipeline and its newest runs."),
        "run": (_HERE + "launch:run", "Run a pipeline of a Python file."),
        "runs": (_HERE + "pipeline:runs", "List runs."),
        "tag": (_HERE + "tag:tag_pipeline", "Show or change the tags of a pipeline."),
    },
)
def pipeline() -> None:
    """Pipelines: list, show, run, runs, tag."""


@main.group(
    cls=LazyGroup,
    lazy={
        "list": (_HERE + "run:list_runs", "List runs, newest first."),
        "show": (_HERE + "run:show", "Show one run with its steps."),
        "logs": (_HERE + "logs:run_logs", "Print what the steps of a run wrote."),
        "report": (_HERE + "report:report", "Write a report of a run: one HTML file."),
        "metrics": (_HERE + "metrics:metrics", "List what a run measured, or print a series."),
        "note": (_HERE + "note:note", "Print or write the note of a run."),
        "tag": (_HERE + "tag:tag_run", "Show or change the tags of a run."),
        "export": (_HERE + "portable:export", "Write a run to a folder, to be imported elsewhere."),
        "import": (_HERE + "portable:import_", "Read an exported run into this record."),
        "compare": (_HERE + "compare:compare", "Show what is different between runs."),
        "delete": (_HERE + "run:delete", "Delete finished runs; artifact versions stay."),
    },
)
def run() -> None:
    """Runs: list, show, logs, metrics, note, report, tag, export, import, compare, delete."""


@main.group(
    cls=LazyGroup,
    lazy={
        "show": (_HERE + "step:show", "Show one step: parameters, inputs, outputs."),
        "logs": (_HERE + "logs:step_logs", "Print what a step wrote."),
        "tag": (_HERE + "tag:tag_step", "Show or change the tags of a step."),
    },
)
def step() -> None:
    """Steps of a run: show, logs, tag."""


@main.group(
    cls=LazyGroup,
    lazy={
        "list": (_HERE + "artifact:list_artifacts", "List artifacts."),
        "show": (_HERE + "artifact:show", "Show one artifact version."),
        "version": (_HERE + "artifact:version", "List versions."),
        "tag": (_HERE + "tag:tag_artifact", "Show or change the tags of an artifact or version."),
        "alias": (_HERE + "alias:alias", "Show or change which versions hold aliases."),
        "prune": (_HERE + "prune:prune", "Delete versions that nothing refers to."),
        "download": (_HERE + "artifact:download", "Write the stored files of a version to a folder."),
        "visualize": (_HERE + "artifact:visualize", "Show pictures of a version in a browser."),
    },
)
def artifact() -> None:
    """Artifacts: list, show, versions, tag, aliases, prune, download, visualize."""
