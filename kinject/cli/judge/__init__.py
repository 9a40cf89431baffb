"""`kinject judge`: grade answers, ask how far judges can be trusted, and compare two models' answers."""

import typer

from kinject.cli.first_word import FirstWordFree
from kinject.cli.judge import agreement, errors, grade, winrate


class Judging(FirstWordFree):
    """`kinject judge ANSWERS.jsonl` grades."""

    default = "grade"


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
