"""`sim2real models`: list the policies that ship with the package."""

from typing import Annotated

import tyro
from rich.table import Table

from launch.console import console, say


def command(
    name: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="[NAME]")] = None,
) -> None:
    """List the policies that ship with the package, with their measured figures, or show the card of one.

    A name stands wherever a command takes a checkpoint; an existing folder of that name wins. Every file is verified by
    its SHA-256 when it is used. Policies can also be fetched: hf://OWNER/REPO@COMMIT[/FOLDER] from the Hugging Face
    Hub, or https://HOST/FILE.zip#sha256=HASH, a zip archive with a policy's folder. Fetched ones are kept in the cache
    folder (set SIM2REAL_CACHE to choose it) and then need no network.

    Example: sim2real models lane-follow

    Args:
        name: a shipped policy, whose card is printed.
    """
    from sim2real.errors import InputError, suggest
    from sim2real.models.hashes import CARD
    from sim2real.models.registry import read_registry, shipped_folder

    models = read_registry()
    if name is not None:
        if name not in models:
            raise InputError(f"no shipped policy {name!r}; {suggest(name, models)}")
        folder = shipped_folder(name)
        say((folder / CARD).read_text(encoding="utf-8").rstrip())
        say(f"\nfolder: {folder}")
        return
    table = Table("name", "task", "MB", "figure", "measured on", "value")
    for name, model in sorted(models.items()):
        cells = [name, model.task, f"{model.size / 1e6:.1f}"]
        for figure in model.figures:
            table.add_row(*cells, figure.what, figure.where, str(figure))
            cells = ["", "", ""]
        if not model.figures:
            table.add_row(*cells)
    console.print(table)
    say("value: 95 % interval in brackets. The card of one: sim2real models NAME")
