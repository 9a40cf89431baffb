"""`kinject facts`: look at sets of facts, check and mend them, add to them, carry them in and out."""

import typer

from kinject.cli.facts import add, carry, check, look

app = typer.Typer(
    help="Look at sets of facts, check and mend them, add to them, carry them in and out.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("list")(look.list_)
app.command("show")(look.show)
app.command("stats")(look.stats)
app.command("check")(check.check)
app.command("add")(add.add)
app.command("import")(carry.import_)
app.command("export")(carry.export)
