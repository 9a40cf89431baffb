"""A group of commands whose first word may be left out: `kinject judge ANSWERS.jsonl` is `kinject judge grade ...`."""

from typing import Any

from typer.core import TyperGroup


class FirstWordFree(TyperGroup):
    """A group that puts its default command in front of what names none."""

    default: str

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Add the default command's name where no command is named."""
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = [self.default, *args]
        rest: list[str] = super().parse_args(ctx, args)
        return rest
