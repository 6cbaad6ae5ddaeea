"""Ship a pretrained policy: weights, card, SHA-256, and the commands, revision and seed that made it.

    python tests/shipping/ship.py lane-follow runs/policy --about "One camera; ..." --selected "Of ..." \
        --evaluated runs/e1 runs/e2

Figures are those of finished `sim2real evaluate` runs of exactly these weights; without any, 100 episodes in unseen
worlds are driven first. Run from the repository's root, with paths as they were given to `pretrain`. A policy that was
adapted to recordings is refused, and one that cannot be made again from its commands.
"""

import argparse
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from commands import command_line
from sim2real.checkpoints import load_policy, policy_folder, read_config
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.evaluate import evaluate
from sim2real.files import read_json, replaced_folder, write_file, write_json
from sim2real.files.configs import from_plain, to_plain
from sim2real.models.hashes import CARD, CONFIG, WEIGHTS, hashes
from sim2real.models.registry import FORMAT_VERSION, ROOM, Figure, Model, read_registry
from sim2real.reports.episodes import place_line
from sim2real.runs import load_config
from sim2real.training.pretrain_config import METHODS, PretrainConfig
from sim2real.training.teacher_config import TrainConfig
from sim2real.worlds import load_randomization


def ship(name: str, run: Path, about: str, selected: str, evaluated: Sequence[Path] = (), room: Path = ROOM) -> Model:
    """Write `weights/NAME` and the entry of `registry.json`; an older policy of that name is replaced.

    Args:
        run: a finished run of `sim2real pretrain`.
        about, selected: see `Model`.
        evaluated: runs of `sim2real evaluate` with these weights.

    Raises:
        InputError: an adapted policy, one that depends on files that do not ship, or runs of other weights.
    """
    source = policy_folder(run)
    config = _pretraining(run, source)
    if not evaluated:
        with tempfile.TemporaryDirectory() as folder:
            evaluate(EvaluateConfig(source), Path(folder) / "run")
            return ship(name, run, about, selected, [Path(folder) / "run"], room)
    figures = tuple(figure for each in evaluated for figure in _figures(name, each, source))
    commands = (*_teacher(config, run), command_line("pretrain", config) + f" --out {run}")
    for command in (*commands, *(figure.command for figure in figures)):
        if absolute := [word for word in shlex.split(command) if word.startswith("/")]:
            raise InputError(f"{absolute[0]} is a path of this machine: use relative paths, as others will")
    revision = read_json(run / CONFIG).get("git_revision")
    if not revision or "+" in revision:
        raise InputError(f"{run} was made by {revision or 'an unknown revision'}: train with a clean clone of the code")
    seed = config.distillation.seed if config.method == "dagger" else config.teacher_config.seed
    (room / "weights").mkdir(parents=True, exist_ok=True)
    with replaced_folder(room / "weights" / name, CONFIG) as new:
        for file in (CONFIG, WEIGHTS):
            shutil.copyfile(source / file, new / file)
        model = Model(config.task, about, selected, commands, revision, seed, 0, hashes(new), figures)
        write_file(new / CARD, card(name, model, load_policy(source).config.action_names).encode())
        size = sum(path.stat().st_size for path in new.iterdir())
        model = replace(model, files=hashes(new), size=size)
    models = dict(sorted({**read_registry(room), name: model}.items()))
    write_json(room / "registry.json", {"format_version": FORMAT_VERSION, "models": to_plain(models)})
    return model


def card(name: str, model: Model, actions: Sequence[str]) -> str:
    """Return the model card, Markdown."""
    lines = [
        f"# {name}: {model.task}, pretrained in simulation\n",
        f"{model.about}\n",
        f"Selection: {model.selected}\n",
        f"Actions: {', '.join(actions)}. Nothing was learned from recordings. Licence: Apache-2.0, as the package's.\n",
        "| figure | on | value, 95 % interval |\n|---|---|---|",
        *(f"| {figure.what} | {figure.where} | {figure} |" for figure in model.figures),
        "\nMeasured by\n\n```sh",
        *dict.fromkeys(figure.command for figure in model.figures),
        f"```\n\nMade by (revision {model.revision}, seed {model.seed})\n\n```sh",
        *model.commands,
        "```\n\n| file | SHA-256 |\n|---|---|",
        *(f"| {file} | {value} |" for file, value in model.files.items()),
    ]
    return "\n".join(lines) + "\n"


def _pretraining(run: Path, source: Path) -> PretrainConfig:
    """Return how a policy was pretrained; raises InputError for one that must not ship."""
    recipe = read_config(source).get("recipe", {})
    if recipe.get("method") not in METHODS or {"plan", "candidate"} & recipe.keys():
        raise InputError(f"{source} was adapted to recordings ({recipe.get('method')}): only pretrained policies ship")
    config = load_config(run, "pretrain", PretrainConfig)
    if from_plain(PretrainConfig, recipe.get("run")) != config:
        raise InputError(f"{source} was not made by the run {run}: their settings differ")
    randomization = load_randomization(config.task, config.randomization)
    files = [str(config.camera)] * (config.camera is not None)
    files += [config.randomization] * (not isinstance(randomization, str))
    if files or ":track" in config.task:
        raise InputError(
            f"{run} used {', '.join(files) or config.task}, which does not ship: nobody could make it again"
        )
    return config


def _teacher(config: PretrainConfig, run: Path) -> list[str]:
    """Return the command that trained the teacher, if it was trained outside the run."""
    if config.teacher is None or config.method != "dagger":
        return []
    places = [place for place in (Path(config.teacher), run.parent / Path(config.teacher).name) if place.is_dir()]
    if not places:
        raise InputError(f"no folder {config.teacher}, whose commands belong to the policy: run this where it is")
    made = str(read_json(places[0] / CONFIG).get("command"))
    theirs = load_config(places[0], made, TrainConfig if made == "train" else PretrainConfig)
    return [command_line(made, theirs) + f" --out {config.teacher}"]


def _figures(name: str, run: Path, source: Path) -> list[Figure]:
    """Return the figures of an `evaluate` run; raises InputError for a run of other weights."""
    config, metrics = load_config(run, "evaluate", EvaluateConfig), read_json(run / "metrics.json")
    theirs, ours = (read_config(folder)["weights"] for folder in (policy_folder(config.checkpoint), source))
    if theirs != ours or config.against is not None or not metrics.get("finished", True):
        raise InputError(f"{run} is no finished evaluation of {source} alone")
    command = command_line("evaluate", replace(config, checkpoint=name))
    if config.dataset is not None:
        ((dataset, agreement),) = metrics["candidates"]["policy"].items()
        units = f"{metrics['unit']['kind']}s"
        names = {"correlation": "correlation with the driver", "gain_free_mae": "MAE after the best gain"}
        return [
            Figure(f"{metrics['action']}: {what}", dataset, command, **agreement[key], count=metrics["unit"]["count"],
                   units=units, rate=False)
            for key, what in names.items()
        ]  # fmt: skip
    if config.on == "track":
        rate = metrics["laps_without_intervention"]
        return [Figure("laps without intervention", Path(str(config.track)).name, command, **_rate(rate), units="laps")]
    return [Figure("success", place_line(config), command, **_rate(metrics["success"]))]


def _rate(values: dict[str, Any]) -> dict[str, Any]:
    return {key: values[key] for key in ("value", "low", "high", "count")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="name of the policy, as lane-follow")
    parser.add_argument("run", type=Path, help="finished run of `sim2real pretrain`")
    parser.add_argument("--about", required=True, help="what the policy sees and does, in a sentence")
    parser.add_argument("--selected", required=True, help="among what it was chosen, by which figures, on what")
    parser.add_argument("--evaluated", type=Path, nargs="*", default=[], help="finished runs of `sim2real evaluate`")
    options = parser.parse_args()
    shipped = ship(options.name, options.run, options.about, options.selected, options.evaluated)
    print(f"{options.name}: {shipped.size / 1e6:.2f} MB")
    for figure in shipped.figures:
        print(f"{figure.what}, {figure.where}: {figure}")
