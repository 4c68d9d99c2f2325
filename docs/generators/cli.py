"""The command line reference, from the typer application itself."""

import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from docs.generators.markdown import code, code_block, sentence, table
from ops.cli import app


class CliCommand(NamedTuple):
    """A command and its name; typer's class of commands is not public."""

    name: str
    command: Any


def commands() -> list[CliCommand]:
    """Return every command, in the order of `--help`."""
    return list(_walk(get_command(app), []))


def _walk(command: Any, words: list[str]) -> Iterator[CliCommand]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from _walk(inner, [*words, name])
    else:
        yield CliCommand(" ".join(words), command)


def overview() -> str:
    """Return a table of every command with the first paragraph of its help."""
    rows = [(f"[`{name}`](#{_anchor(name)})", _help(command).split("\n\n")[0]) for name, command in commands()]
    return table(("command", "effect"), rows)


def reference() -> str:
    """Return a section for each command: usage, help text, arguments and options."""
    return "\n\n".join(_section(*entry) for entry in commands())


def _anchor(name: str) -> str:
    return f"like-ledger-{name.replace(' ', '-')}"


def _help(command: Any) -> str:
    return inspect.cleandoc(command.help or "").replace("\f", "")


def _section(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=f"like-ledger {name}")
    usage = " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    parameters = [p for p in command.params if isinstance(p, TyperArgument | TyperOption) and not p.hidden]
    parts = [f"### {name} {{#{_anchor(name)}}}", _help(command), code_block(usage)]
    if parameters:
        rows = [_parameter(parameter, context) for parameter in parameters]
        parts.append(table(("parameter", "type", "meaning"), rows))
    return "\n\n".join(parts)


def _parameter(parameter: TyperArgument | TyperOption, context: typer.Context) -> tuple[str, str, str]:
    text = [sentence(parameter.help or "")]
    if parameter.required:
        text.append("Required.")
    if _is_shown(parameter.default):
        text.append(f"Default: {code(str(parameter.default))}.")
    return _names(parameter), _type(parameter, context), " ".join(filter(None, text))


def _names(parameter: TyperArgument | TyperOption) -> str:
    if isinstance(parameter, TyperOption):
        return ", ".join(map(code, parameter.opts))
    return code((parameter.metavar or parameter.name or "").upper())


def _type(parameter: TyperArgument | TyperOption, context: typer.Context) -> str:
    if isinstance(parameter, TyperOption) and parameter.is_flag:
        return "flag"
    type_name = parameter.display_type(cast("Any", context)).strip("<>{}").replace("int range", "int")
    return type_name + _range(parameter.min, parameter.max)


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f", {low} to {high}" if None not in (low, high) else f", from {low}" if high is None else f", to {high}"


def _is_shown(default: object) -> bool:
    """Return whether a default is worth showing: it is not empty, and not a function."""
    return default not in (None, False, [], ()) and not callable(default)
