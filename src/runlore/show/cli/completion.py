"""``runlore completion SHELL``: the script by which a shell completes commands, options and what is in the record."""

from __future__ import annotations

import os
from typing import Any

import click
from click.shell_completion import BashComplete, add_completion_class, get_completion_class, split_arg_string

#: The environment variable by which the script asks, as click calls it.
VARIABLE = "_RUNLORE_COMPLETE"
#: Where bash ends a word, although one of runlore's may hold it.
_BREAKS = "@:="

_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' response completion type value
    response=$(env COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1" 2>/dev/null)
    COMPREPLY=()
    for completion in $response; do
        IFS=',' read -r type value <<< "$completion"
        if [[ $type == dir ]]; then
            compopt -o dirnames
        elif [[ $type == file ]]; then
            compopt -o default
        elif [[ $type == plain ]]; then
            case ${COMP_WORDS[COMP_CWORD]} in
                # in quotes only what means nothing else there: a name may come from a stranger
                [\\"\\']*) [[ $value == *[\\$\\`\\"\\'\\\\!]* ]] || COMPREPLY+=("$value") ;;
                *) COMPREPLY+=("$(printf %%q "$value")") ;;
            esac
            [[ $value == */ ]] && compopt -o nospace
        fi
    done
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


@add_completion_class
class LineComplete(BashComplete):
    """Completion for bash that reads the line itself: bash would take ``model@production`` for three words."""

    source_template = _BASH

    def source(self) -> str:
        return self.source_template % self.source_vars()

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_LINE"].encode()[: int(os.environ["COMP_POINT"])].decode("utf-8", "ignore")
        words = split_arg_string(line)
        incomplete = "" if not words or line[-1:].isspace() and not line.endswith("\\ ") else words.pop()
        return words[1:], incomplete

    def complete(self) -> str:
        args, incomplete = self.get_completion_args()
        breaks = [char for char in _BREAKS if char in os.environ.get("COMP_WORDBREAKS", _BREAKS)]
        head = max((incomplete.rfind(char) + 1 for char in breaks), default=0)
        lines = []
        for item in self.get_completions(args, incomplete):
            if item.type == "plain":
                item.value = item.value[head:]
            lines.append(self.format_completion(item))
        return "\n".join(lines)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script by which SHELL completes commands, options, pipelines, runs, steps and artifacts.

    For bash, put into ~/.bashrc: eval "$(runlore completion bash)"
    """
    root: Any = ctx.find_root()
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(root.command, {}, root.info_name or "runlore", VARIABLE).source(), nl=False)
