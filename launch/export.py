"""`sim2real export`: write a policy for a robot's computer."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import say
from sim2real.export.config import ExportConfig


def command(config: Annotated[ExportConfig, tyro.conf.arg(name="")], out: Path = Path("exported")) -> None:
    """Export a policy as ONNX, in a folder that needs no PyTorch: NumPy, OpenCV and onnxruntime run it.

    The folder has the model (`policy.onnx`, `policy.json`), the runtime, a card, and `check.py`, which compares the
    actions on stored frames with those of the policy as trained.

    Example: sim2real export runs/adapted --out exported

    Args:
        config: what to export.
        out: folder of the export; an older export there is replaced.
    """
    from sim2real.export.export import export_policy

    replaced = (out / "policy.json").is_file()
    result = export_policy(config, out)
    if replaced:
        say(f"note: replaced the export that was in {out}")
    size, difference = result.size / 1e6, result.difference
    say(f"{size:.2f} MB, actions within {difference:.1e} of the policy as trained")
    say(f"export: {result.folder}; check it there with: python {result.folder / 'check.py'}")
    if config.target == "donkeycar":
        say(f"pilot: the lines for manage.py are at the top of {result.folder / 'donkeycar_part.py'}")
    if config.target == "lerobot":
        plugin = result.folder / "lerobot"
        say(f"plugin: where LeRobot is, pip install {plugin}; then: lerobot-rollout --policy.path={plugin}/checkpoint")
