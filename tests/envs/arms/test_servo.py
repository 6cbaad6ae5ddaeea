# pyright: reportAttributeAccessIssue=false
"""Servos: what their parameters do to a joint."""

import mujoco
import numpy as np
import pytest
from mujoco.batch import Batch

from envs.arms.servo import MAX_DELAY, Servo, Servos, prepare_actuators

STILL = Servo(gain=50.0, damping=1.0, friction=0.0, armature=0.02, torque=5.0)
DT = 1 / 300


def make(worlds: int = 1) -> tuple[Batch, Servos]:
    """A rod that turns in the plane, without weight."""
    spec = mujoco.MjSpec()
    spec.option.timestep, spec.option.gravity = DT, [0, 0, 0]
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    body = spec.worldbody.add_body()
    body.add_joint(name="a", type=mujoco.mjtJoint.mjJNT_HINGE, axis=[0, 0, 1])
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.01, 0.05, 0], mass=0.01)
    actuator = spec.add_actuator(name="a", target="a", trntype=mujoco.mjtTrn.mjTRN_JOINT)
    actuator.set_to_position(kp=1.0)
    prepare_actuators(spec)
    model = spec.compile()
    batch = Batch(model, worlds, 1)
    return batch, Servos(model, batch, ("a",))


def respond(servo: Servo, target: float, steps: int = 300, start: float = 0.0) -> np.ndarray:
    """(steps,) rad, after a step of the command at time 0."""
    batch, servos = make()
    ids = np.arange(1)
    batch.reset(stage=0)
    batch.bind("qpos")[0, 0] = start
    servos.set(ids, {name: np.full((1, 1), getattr(servo, name)) for name in Servo.__dataclass_fields__})
    batch.set_const(ids)
    servos.hold(ids, np.full((1, 1), start))
    angles = []
    for _ in range(steps):
        servos.command(np.full((1, 1), target))
        batch.step()
        angles.append(float(batch.bind("qpos")[0, 0]))
    return np.array(angles)


def changed(**values: float) -> Servo:
    return Servo(**{**STILL.__dict__, **values})


def test_without_faults_the_joint_arrives():
    assert respond(STILL, 0.3)[-1] == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize("delay", [DT, 0.05, 0.1, MAX_DELAY])
def test_delay_shifts_the_response(delay):
    steps = round(delay / DT)
    late = respond(changed(delay=delay), 0.3)
    assert np.all(late[: steps - 1] == 0)
    np.testing.assert_allclose(late[steps:], respond(STILL, 0.3)[: 300 - steps], atol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
def test_backlash_stops_short_on_the_side_it_comes_from(sign):
    assert respond(changed(backlash=0.05), 0.3 * sign)[-1] == pytest.approx(0.25 * sign, abs=1e-3)
    assert respond(changed(backlash=0.05), 0.04 * sign)[-1] == 0


def test_friction_stops_within_friction_over_gain():
    end = respond(changed(friction=2.0, damping=8.0), 0.3, 900)[-1]
    assert 0.3 - 2.0 / 50.0 - 1e-3 <= end < 0.299


def test_torque_is_the_most_that_is_given():
    # At rest and at first, the acceleration is torque over inertia.
    weak = respond(changed(torque=0.5, damping=0.0), 1.0, 10)
    inertia = 0.02 + 0.01 * 0.05**2  # within some percent: a thin rod
    assert weak[-1] == pytest.approx(0.5 * 0.5 / inertia * (10 * DT) ** 2, rel=0.15)


def test_holding_starts_without_motion_wherever_the_joint_is():
    np.testing.assert_allclose(respond(changed(delay=0.1), 0.7, 60, start=0.7), 0.7, atol=1e-9)


@pytest.mark.parametrize("bad", [{"gain": -1.0}, {"delay": 0.3}, {"friction": float("nan")}])
def test_impossible_servos_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        changed(**bad)


def test_actuators_without_memory_are_refused():
    model = mujoco.MjModel.from_xml_string(
        "<mujoco><worldbody><body><joint name='a' type='hinge'/><geom size='.1'/></body></worldbody>"
        "<actuator><position name='a' joint='a'/></actuator></mujoco>"
    )
    with pytest.raises(ValueError, match="prepare_actuators"):
        Servos(model, Batch(model, 1, 1), ("a",))
