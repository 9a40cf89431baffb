"""`kinject judge`: grade answers, ask how far judges can be trusted, and compare two models' answers."""

from typing import Any

import typer
from typer.core import TyperGroup

from kinject.cli.judge import agreement, errors, grade, winrate


class Judging(TyperGroup):
    """A group whose first word may be left out: `kinject judge ANSWERS.jsonl` grades."""

    default = "grade"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command in front of what names none."""
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = [self.default, *args]
        rest: list[str] = super().parse_args(ctx, args)
        return rest


app = typer.Typer(
    cls=Judging,
    help="Grade answers: kinject judge ANSWERS.jsonl --facts F. How far judges agree, and win rates, are below.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("grade")(grade.grade)
app.command("agreement")(agreement.agreement)
app.command("winrate")(winrate.winrate)
app.command("errors")(errors.errors)
