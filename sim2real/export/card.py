"""The card of an exported policy."""

from collections.abc import Mapping
from typing import Any


def card(values: Mapping[str, Any], difference: float, size: int, original: str) -> str:
    """Return the card, Markdown: what the policy is, how to check and run it, what it leaves out.

    Args:
        values: content of policy.json.
        difference: largest difference to the policy as trained.
        size: bytes of policy.onnx.
        original: card of the policy as trained.
    """
    camera, seen = values["preprocessing"]["camera"], values["preprocessing"]["raw_size"]
    rate = "unknown" if values["control_dt"] is None else f"{1 / values['control_dt']:g} Hz"
    boundary = values["boundary"] or {}
    units = {"joints": "rad (datasets: degrees, gripper 0…100)", "direct": "-1…1"}.get(boundary.get("kind", ""), "-1…1")
    rows = {
        "task": values["task"] or "–",
        "camera": f"`images.{camera}`, RGB, {seen[0]}x{seen[1]} px or in proportion",
        "state": f"{values['state']} numbers" if values["state"] else "none",
        "actions": ", ".join(values["action_names"]),
        "commands": units,
        "control rate": rate,
        "model": f"{size / 1e6:.2f} MB, actions within {difference:.1e} of the policy as trained",
        "code": f"sim2real {values['sim2real']}, revision {values['code_revision']}",
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    inner = "\n".join(f"> {line}".rstrip() for line in original.splitlines()) or "> (none)"
    return f"""# Exported policy: {values["task"] or "unnamed"}

| | |
|---|---|
{table}

## Run it

It needs Python 3.11 or newer, and three packages:

```sh
pip install numpy opencv-python-headless onnxruntime
python check.py      # compares with stored actions of the policy as trained, and measures one call
```

```python
from sim2real_runtime.exported import ExportedPolicy

policy = ExportedPolicy(".")
action = policy.act({{"images.{camera}": frame{', "state": state' if values["state"] else ""}}})   # in [-1, 1]
```

`policy.boundary` converts a robot's measurements to the state and actions to limited commands;
`sim2real_runtime.robots.loop.run_episode` is the control loop with all checks. The check of an arm's targets against
its own links and the table needs a simulator and is not part of this folder.

## The policy as trained

{inner}
"""
