"""`sim2real adapt`: take a pretrained policy to a real camera."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from launch.console import print_table, reporting, resumable, resume_command, say, typed_command
from sim2real.runs import run_folder
from sim2real.transfer.adapt_config import AdaptConfig
from sim2real.transfer.fitting.plans import read_plans

if TYPE_CHECKING:
    from sim2real.transfer.adapt import Adaptation


def command(
    config: Annotated[AdaptConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
    resume: Annotated[bool, tyro.conf.arg(help="resume an interrupted run")] = False,
) -> None:
    """Adapt a policy to recordings, compare it with the control candidates, and hand out what should err least.

    The run's folder gets `report.html`, `metrics.json` and `policy/`, the candidate that the gate hands out.
    With several seeds the weights are averaged if that is no worse on the validation frames; otherwise the best seed is
    kept, or the first if the recordings are too few to hold frames out. The gate judges exactly this policy. Without
    `--test` the policy is then also fitted to the held-out episodes; the judged weights are kept in `judged/`.

    With `--unlabelled` a further candidate is zero-shot whose low norms were aligned with recordings without actions
    (Significant Subspace Alignment, Adachi et al. 2025), plus the gain where drivers have individual scales.

    With `--interventions RUN/episodes` it also learns from the frames of an evaluation on a robot in which a person had
    taken control (HG-DAgger, Kelly et al. 2019), and from no other frames of it.

    With `--track tracks/NAME` plans also learn from frames beside the line of a track that `reconstruct` rebuilt,
    labelled with pursuit to it: drivers do not leave the line, so that their recordings do not show how to return to
    it. Candidates then drive laps on it (or on `--drive-on`), and who has clearly fewer interventions is handed out,
    whatever the offline errors say. With `--self-labels`, too, nothing is learned from the driver's commands: frames
    of the log are labelled with pursuit from where they were taken.

    Example: sim2real adapt runs/policy datasets/track_1 --test datasets/track_2 --frames 300
    """
    # Imported here because torch and MuJoCo take seconds to import, and --help does not need them.
    from sim2real.reports.pages.adaptation import write_report
    from sim2real.transfer.adapt import adapt

    out = out or run_folder("adapt", config, resume)
    with resumable(resume_command(out), out), reporting() as stages:
        adaptation = adapt(config, out, resume, stages)
    write_report(out / "report.html", adaptation, typed_command())
    _print_inputs(adaptation)
    _print_candidates(adaptation)
    _print_output(adaptation)


def _plans() -> str:
    """Return a line per plan: its name, and when to use it."""
    return "\n".join(f"- {plan.name}: {plan.about}" for plan in read_plans().values())


command.__doc__ = f"{inspect.cleandoc(command.__doc__ or '')}\n\nPlans (--plan, --candidates):\n{_plans()}"


def _print_inputs(adaptation: "Adaptation") -> None:
    from sim2real.reports.lines import frames_line, reading_lines

    material, choice = adaptation.inputs.material, adaptation.choice
    for line in (line for reading in adaptation.inputs.readings for line in reading_lines(reading)):
        say(line)
    if material.simulated is None:
        say(f"{material.policy.config.task!r} is not a registered task: no simulated frames to compare with or mix in")
        if adaptation.config.plan == "auto":
            say(f"auto: {adaptation.outcome.plan}, as it cannot choose without them")
    say(frames_line("to learn from", material.frames))
    if choice:
        say(f"auto: {choice.plan}, {choice.reason}")
    if (images := adaptation.inputs.unlabelled) is not None:
        say(f"to align with, without actions: {len(images)} frames, {len(images.episodes)} episodes, {images.units()}")
    if adaptation.inputs.test is not None:
        say(frames_line("judged on", adaptation.inputs.test))


def _print_candidates(adaptation: "Adaptation") -> None:
    from sim2real.reports.candidates import candidate_tables, laps_table, spread_table

    outcome, seeds = adaptation.outcome, adaptation.config.seeds
    for title, table in candidate_tables(outcome, seeds):
        if table:
            print_table(*table, f"\n{title}")
    if outcome.driven is not None and (laps := laps_table(outcome)):
        print_table(*laps, f"\nlaps on {outcome.driven.track}")
    if seeds > 1 and (spread := spread_table(outcome)):
        title, table = spread
        print_table(*table, f"\n{title}")


def _print_output(adaptation: "Adaptation") -> None:
    from sim2real.reports.lines import interval_note
    from sim2real.reports.pages.probe import look_line

    outcome = adaptation.outcome
    if outcome.agreement is not None:
        note = interval_note(outcome.agreement.units)
        say(f"{note} Gain-free: after the best-fitting gain and offset.")
    if len(outcome.judged) > 1:
        say(f"{len(outcome.judged)} actions together ({', '.join(outcome.judged)}); the report shows each action.")
    if outcome.rest is not None:
        say(f"Always predicting 0 would have an MAE of {outcome.rest:.3f}.")
    if line := look_line(outcome.look):
        say(f"camera alignment, fitted to the recorded actions: {line} (px of the network's image)")
    say(f"{outcome.plan}: {'PROMOTED' if outcome.promoted else 'not promoted'}, {outcome.reason}")
    say(f"the output is the candidate `{outcome.output}` ({outcome.weights})")
    if outcome.refit_note:
        say(outcome.refit_note)
    say(f"policy: {adaptation.folder / 'policy'}\nreport: {adaptation.folder / 'report.html'}")
