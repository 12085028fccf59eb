"""Write the pages of `docs/reference/` from the code: ``python docs/generate.py``, or ``make docs``.

A test compares the pages with what this would write, so they cannot fall behind.
"""

from __future__ import annotations

import inspect
import re
import sys
import tomllib
from enum import EnumType
from pathlib import Path
from typing import Annotated, get_origin

import click

import runlore
from runlore import client
from runlore.author.options import PipelineOptions, StepOptions
from runlore.author.pipeline import Pipeline as PipelineDeclaration
from runlore.author.step import Step
from runlore.settings import SETTINGS
from runlore.show.cli.main import main as command_line
from runlore.values.shipped import BUILT_IN, SHIPPED, Shipped

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py; change the code instead. -->\n\n"


EXITS = """## Exit codes

| code | when |
|---|---|
| 0 | what was asked for is done, or there is nothing that fits |
| 1 | it could not be done: one line on stderr says why; `check` found damage; a pipeline failed; an answer was no |
| 2 | the command line itself is wrong: an unknown command or option, a value of the wrong type |
| 130 | Ctrl-C; a run that was going on is `cancelled` |

What a command prints goes to stdout, and what it says besides to stderr.
"""

JSON = """## JSON

`--json` prints what a program needs, and nothing else, to stdout. A list is an array of objects, empty when nothing
fits; `--limit 0` makes it complete, and stderr says how many were left out. Keys stay as they are from one version to
the next, where new ones may be added:

| command | keys of each object |
|---|---|
| `run list` | `id`, `name`, `pipeline`, `number`, `status`, `created`, `duration`, `tags`, \
`parameters.…`, `metadata.…` |
| `pipeline list` | `name`, `version`, `runs`, `id`, `created` |
| `artifact list` | `name`, `versions`, `id`, `created` |
| `artifact version list` | `artifact`, `version`, `type`, `size`, `created`, `save_type`, `id`, `digest`, `deleted` |
| `artifact alias` | `alias`, `version`, `since`, `id`, `deleted` |
| `run logs` | `time`, `step`, `stream`, `text`, `origin` |
| `step logs` | `time`, `task`, `stream`, `text`, `origin` |
| `check` | `rule`, `subject`, `message`, `harmless` |

What shows one thing is an object:

| command | keys |
|---|---|
{shown}

A run also has its parameters, metadata and the last values of its metrics: `parameters.lr`, `metadata.accuracy`,
`metrics.loss`. `pipeline runs list` is `run list`. Times are UTC in ISO 8601, durations seconds, sizes bytes. A
number that JSON has no word for, and a value of any other type, is text.
"""

#: Command → keys of the object that it prints.
SHOWN = {
    "run show": "run, name, id, status, failure, pipeline_version, created, ended, duration, user, host, git_commit, "
    "parameters, metadata, tags, note, metrics, trigger, steps, outputs",
    "pipeline show": "name, version, runs, id, created, tags, newest_runs",
    "step show": "pathspec, status, failure, started, ended, origin, duration, tasks, cache_note, parameters, "
    "metadata, inputs, outputs",
    "artifact show": "artifact, version, type, size, created, save_type, id, digest, deleted, annotated_type, aliases, "
    "materializer, producer, consumers, metadata, tags, pickle, pictures",
    "status": "home, because_of, profile, durability, pipelines, runs, artifacts, versions, running",
}

TERMINALS = """## Terminals

A table keeps to the width of the terminal: a long name is shortened in its middle, columns in which nothing stands are
left out, and so are the last ones where there is no room. Times are ages. In a file or pipe nothing is shortened, left
out or coloured, and times are UTC in ISO 8601. `NO_COLOR` switches colours off.
"""


def json_section() -> str:
    """What ``--json`` prints, by command."""
    rows = (f"| `{command}` | `{keys.replace(', ', '`, `')}` |" for command, keys in SHOWN.items())
    return JSON.replace("{shown}", "\n".join(rows))


def settings_page() -> str:
    """Every setting with its variable, form, default and meaning."""
    lines = [
        "# Settings\n",
        "A value comes from the first of: the environment variable; the selected profile; the project's",
        "`.runlore/settings.toml`; the user's `settings.toml`; the default.\n",
        "## Where a record lives\n",
        "In the folder that `RUNLORE_HOME` names; else in the nearest `.runlore/` in the working directory or above",
        "it, which `runlore init` makes; else in the user's data directory.\n",
        "## All settings\n",
        "| setting | variable | form | default | meaning |",
        "|---|---|---|---|---|",
    ]
    for setting in SETTINGS:
        cells = (f"`{setting.name}`", f"`{setting.variable}`", setting.form, setting.default, setting.doc)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def python_page() -> str:
    """The public names of the package and of the client, with what their docstrings say."""
    lines = ["# Python\n", "## runlore\n"]
    for name in runlore.__all__:
        if name != "__version__":
            lines += described(name, getattr(runlore, name))
    lines += ["## Options\n"]
    for options in (StepOptions, PipelineOptions):
        lines += [f"### {options.__name__}\n", f"{inspect.getdoc(options)}\n", *option_lines(options), ""]
    lines += ["## Steps and pipelines\n"]
    for decorated in (Step, PipelineDeclaration):
        lines += [f"### What @{decorated.__name__.lower()} makes\n", f"{inspect.getdoc(decorated)}\n"]
        lines += [*member_lines(decorated), ""]
    lines += ["## runlore.client\n"]
    for name in client.__all__:
        thing = getattr(client, name)
        lines += described(name, thing)
        lines += [*member_lines(thing), ""]
    return "\n".join(lines).rstrip() + "\n"


def member_lines(thing: type) -> list[str]:
    """Public methods and properties, by name, those of its bases in this package among them."""
    found = {}
    for cls in reversed(thing.__mro__):
        if cls.__module__.startswith("runlore."):
            found.update(vars(cls))
    members = sorted((name, value) for name, value in found.items() if not name.startswith("_"))
    return [
        f"- `{heading(name, value)}`: {first_line(value)}"
        for name, value in members
        if inspect.getdoc(value) and is_member(value)
    ]


def option_lines(options: type) -> list[str]:
    """Every option with its type and what the comment above it says."""
    lines, said = [], []
    for line in inspect.getsource(options).splitlines():
        text = line.strip()
        if text.startswith("#: "):
            said.append(text.removeprefix("#: "))
        elif found := re.match(r"(\w+): (.+?) = ", text):
            lines.append(f"- `{found[1]}` ({found[2]})" + (f": {' '.join(said)}" if said else ""))
            said = []
    return lines


def is_member(value: object) -> bool:
    return inspect.isfunction(value) or isinstance(value, property)


def described(name: str, thing: object) -> list[str]:
    # an alias such as Secret has the documentation of `typing`; its module says what it means
    alias = get_origin(thing) is Annotated
    text = inspect.getdoc(sys.modules[thing.__module__] if alias else thing)
    return [f"### {name}\n", "```text", name if alias else heading(name, thing), "```\n", f"{text or ''}\n"]


def heading(name: str, thing: object) -> str:
    """Name and parameters, as far as there are any."""
    if isinstance(thing, property) or not callable(thing) or isinstance(thing, EnumType):
        return name
    shown = [shown_parameter(item) for item in inspect.signature(thing).parameters.values() if item.name != "self"]
    return f"{name}({', '.join(shown)})"


def shown_parameter(parameter: inspect.Parameter) -> str:
    if type(parameter.default) is object:  # a sentinel: nothing was given
        return f"{parameter.name}=..."
    return str(parameter.replace(annotation=inspect.Parameter.empty))


def first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ")


def commands_page() -> str:
    """What every command does, its arguments and its options."""
    lines = ["# Command line\n", "`--help` after any command prints the same.\n", EXITS, json_section(), TERMINALS]
    pending: list[tuple[str, click.Command]] = [("runlore", command_line)]
    while pending:
        name, command = pending.pop(0)
        lines += command_lines(name, command)
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=name)
            found = [(f"{name} {word}", command.get_command(context, word)) for word in command.list_commands(context)]
            pending[:0] = [(path, child) for path, child in found if child is not None]
    return "\n".join(lines).rstrip() + "\n"


def command_lines(name: str, command: click.Command) -> list[str]:
    arguments = [argument_word(item) for item in command.params if isinstance(item, click.Argument)]
    options = [item for item in command.params if isinstance(item, click.Option) and not item.hidden]
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    lines = [f"## {' '.join([name, *arguments])}\n", f"{text}\n"]
    lines += [f"- `{', '.join((*item.opts, *item.secondary_opts))}`: {item.help or ''}" for item in options]
    return [*lines, ""] if options else lines


def argument_word(argument: click.Argument) -> str:
    word = argument.human_readable_name.upper()
    word = word if argument.required else f"[{word}]"
    return f"{word}..." if argument.nargs != 1 else word


TYPES = """# Types of values

What each kind of value is stored as, who else reads it, and what is known of it without loading it. A value whose class
is not here goes by the nearest of its bases; [the codec](../design/codec.md) says how one is chosen, and
[materializers of one's own](../howto/own-materializer.md) how to add one.

- **digest**: for which values equal means that the digest is equal too, so that the cache serves what comes after.
- **pickle**: loading runs code that came with the bytes; see [pickles](../howto/pickles.md).
- **tested**: whether the tests of this package store it with the real library, every day or in the slower round;
  *not here* means that the library could not be installed where they run.
"""


def types_page() -> str:
    """The table of what can be stored, from the registry."""
    extras = tomllib.loads((FOLDER.parents[1] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    head = ("type", "name", "format", "readable by", "metadata", "pictures", "digest", "pickle", "extra", "tested")
    lines = [TYPES, f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, shipped in {**BUILT_IN, **SHIPPED}.items():
        types = shipped.types if name in BUILT_IN else [f"`{public_name(one)}`" for one in shipped.types]
        cells = (
            ", ".join(types) or kinds_of(shipped),
            f"`{name}`",
            shipped.format,
            shipped.read_by,
            ", ".join(f"`{key}`" for key in shipped.metadata or ()) or "–",
            ", ".join(shipped.pictures or ()) or "–",
            shipped.digest,
            "yes" if shipped.runs_code else "–",
            f"`{shipped.extra}`" if shipped.extra else "–",
            tested(shipped, extras),
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


#: Where users import classes from that live in a module of their library's own.
PUBLIC_NAMES = {
    "catboost.core.CatBoost": "catboost.CatBoost",
    "keras.src.models.model.Model": "keras.Model",
    "lightgbm.basic.Booster": "lightgbm.Booster",
    "lightgbm.sklearn.LGBMModel": "lightgbm.LGBMModel",
    "plotly.graph_objs._figure.Figure": "plotly.graph_objects.Figure",
    "torch.jit._script.ScriptModule": "torch.jit.ScriptModule",
    "torch.nn.modules.module.Module": "torch.nn.Module",
    "transformers.modeling_utils.PreTrainedModel": "transformers.PreTrainedModel",
    "xgboost.core.Booster": "xgboost.Booster",
    "xgboost.sklearn.XGBModel": "xgboost.XGBModel",
}


def public_name(type_text: str) -> str:
    """The name under which users know a class."""
    return PUBLIC_NAMES.get(type_text, type_text.removeprefix("builtins."))


def kinds_of(shipped: Shipped) -> str:
    """What a materializer without classes of its own stores."""
    if shipped.dict_of:
        return "a dict of " + " or ".join(f"`{one}`" for one in shipped.dict_of)
    return "what `register_artifact` records"


def tested(shipped: Shipped, extras: dict[str, list[str]]) -> str:
    """In which round of tests the library of a materializer is installed."""
    everyday = {extra for text in extras["test"] if "[" in text for extra in re.findall(r"[\w-]+", text)[1:]}
    if not shipped.extra or shipped.extra in everyday:
        return "every day"
    slower = {re.split(r"[=<>]", text)[0].removesuffix("-cpu") for text in extras["libraries"]}
    own = {re.split(r"[=<>]", text)[0] for text in extras[shipped.extra] if not text.startswith("runlore[")}
    return "in the slower round" if own <= slower else "not here"


def pages() -> dict[str, str]:
    """File name → text of each page."""
    written = {"settings.md": settings_page(), "python.md": python_page(), "commands.md": commands_page()}
    written["types.md"] = types_page()
    return {name: NOTE + text for name, text in written.items()}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
        print(f"wrote {FOLDER / name}")
