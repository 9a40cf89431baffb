"""The `kinject` program: finds the command, runs it, and turns a failure into words, a place and a way out.

A command is imported when it is called, so that no command waits for another's libraries. Exit codes: 0 ok;
1 a check failed; 2 usage; 3 missing; 4 numeric; 5 judge; 6 resources; 7 integrity; 70 a bug of kinject;
130 interrupted.
"""

import ast
import errno
import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from kinject.cli.config import defaults
from kinject.cli.console import say
from kinject.errors import KinjectError, MissingError, ResourceError, UsageError, did_you_mean, out_of_memory

COMMANDS = {
    "inject": "kinject.cli.inject:inject",
    "ask": "kinject.cli.ask:ask",
    "compare": "kinject.cli.compare:compare",
    "report": "kinject.cli.report:report",
    "retrieve": "kinject.cli.retrieve:retrieve",
    "build": "kinject.cli.build:build",
    "show": "kinject.cli.show:show",
    "posttrain": "kinject.cli.posttrain:posttrain",
    "merge": "kinject.cli.merge:merge",
    "bench": "kinject.cli.bench:app",
    "sweep": "kinject.cli.sweep:sweep",
    "fit": "kinject.cli.fit:fit",
    "errors": "kinject.cli.mistakes:errors",
    "styles": "kinject.cli.styles:styles",
    "judge": "kinject.cli.judge:app",
    "facts": "kinject.cli.facts:app",
    "engines": "kinject.cli.engines:engines",
    "study": "kinject.cli.study:app",
    "lab": "kinject.cli.lab:app",
}

INTERRUPTED = 130


class InternalError(KinjectError):
    """A mistake of kinject itself."""

    code = 70


class Commands(TyperGroup):
    """The group of all commands, each imported when it is first asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        return load(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list in `kinject --help`, made without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary(name)) for name in COMMANDS])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As in any group, but a mistyped name gets the nearest one."""
        if args[0] not in COMMANDS:
            ctx.fail(f"There is no command {args[0]!r}.{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


def load(name: str) -> Any:
    """Import the command `name` of COMMANDS and build it."""
    module, attribute = COMMANDS[name].split(":")
    target = getattr(import_module(module), attribute)
    single = typer.Typer(rich_markup_mode=None)
    if isinstance(target, typer.Typer):
        single.add_typer(target, name=name, no_args_is_help=False)
    else:
        single.command(name)(target)
    command = typer.main.get_group(single).commands[name]
    for each in (command, *getattr(command, "commands", {}).values()):
        # Click fills paragraphs; "\b" keeps examples one a line.
        each.help = (each.help or "").replace("\n\nExample", "\n\n\b\nExample")
    return command


def summary(name: str) -> str:
    """What a command does: the first line of its module, "`kinject NAME`: ...", read and not run."""
    spec = find_spec(COMMANDS[name].split(":")[0])
    text = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
    return (ast.get_docstring(ast.parse(text)) or "").splitlines()[0].partition(": ")[2].rstrip(".")


app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    context_settings={"auto_envvar_prefix": "KINJECT", "help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"kinject {metadata.version('kinject')}")
        raise typer.Exit


@app.callback()
def kinject(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Options from a YAML file; flags and KINJECT_* go first."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            allow_from_autoenv=False,
            help="Print the version.",
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Put facts from after a model's cutoff into the model, and measure which way works.

    Start with: kinject compare --preset demo
    """
    if config and context.invoked_subcommand:
        context.default_map = defaults(config, context.invoked_subcommand, load(context.invoked_subcommand))


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Run one command line (without the program's name) and return its exit code."""
    args = _in_front(args)
    try:
        code = typer.main.get_command(app).main(args or ["--help"], prog_name="kinject", standalone_mode=False)
    except Exception as error:
        if "--debug" in args or os.environ.get("KINJECT_DEBUG", "0") != "0":
            traceback.print_exc()
        return _explain(_as_kinject_error(error), as_json="--json" in args)
    if code == INTERRUPTED:
        say("interrupted; the same command goes on where it was")
    return code if isinstance(code, int) else 0


def _in_front(args: Sequence[str]) -> list[str]:
    """The program's own options before the command, wherever people write them."""
    own, rest = [], list(args)
    if "--debug" in rest:
        rest = [arg for arg in rest if arg != "--debug"]
        own.append("--debug")
    for place, arg in enumerate(rest):
        if arg == "--config" or arg.startswith("--config="):
            taken = 1 if "=" in arg else 2
            return [*own, *rest[place : place + taken], *rest[:place], *rest[place + taken :]]
    return [*own, *rest]


def _as_kinject_error(error: Exception) -> KinjectError:
    match error:
        case KinjectError():
            return error
        case typer.TyperException():
            return _usage_error(error)
        case OSError(errno=errno.ENOSPC):
            return _disk_full(str(error.filename or ""))
        case OSError():
            return MissingError(error.strerror or str(error), where=str(error.filename or ""))
    if "No space left on device" in str(error) or "inline_container.cc" in str(error):  # safetensors; torch.save
        return _disk_full()
    if out_of_memory(error):
        return ResourceError("out of memory", mend="take a smaller model, smaller batches or fewer facts")
    mend = "this is a bug: run it again as `kinject --debug ...` and report what it prints"
    return InternalError(f"{type(error).__name__}: {error}", mend=mend)


def _disk_full(where: str = "") -> ResourceError:
    mend = "free some space, or set KINJECT_HOME to a folder on a larger disk"
    return ResourceError("the disk is full", where=where, mend=mend)


def _usage_error(error: typer.TyperException) -> KinjectError:
    """Typer's own complaint in the project's form."""
    nearest = getattr(error, "possibilities", None)
    message = f"{error.message}. Did you mean {nearest[0]!r}?" if nearest else error.format_message()
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "kinject"
    return UsageError(message, where=command, mend=f"{command} --help")


def _explain(error: KinjectError, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"error": error.as_dict()}), file=sys.stderr)
    else:
        lines = {"error": str(error), "  at": error.where, "  mend": error.mend}
        say("\n".join(f"{label}: {text}" for label, text in lines.items() if text))
    return error.code
