"""What a call of an exported policy costs, beside PyTorch and beside what a Donkeycar runs otherwise."""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from common import Result, alternate_calls, compare
from envs import make_task
from policies.policy import Policy
from sim2real.checkpoints import save_policy
from sim2real.export.config import ExportConfig
from sim2real.export.export import export_policy
from sim2real.export.exported import MODEL, ExportedPolicy
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.pretraining import policy_config


def linear() -> nn.Module:
    """The layers of Donkeycar 5.3's KerasLinear (`default_n_linear`): images (n, 3, 120, 160) in 0...1 to (n, 2)."""
    layers: list[nn.Module] = []
    for before, after, kernel, stride in (
        (3, 24, 5, 2),
        (24, 32, 5, 2),
        (32, 64, 5, 2),
        (64, 64, 3, 1),
        (64, 64, 3, 1),
    ):
        layers += [nn.Conv2d(before, after, kernel, stride), nn.ReLU()]
    dense = [nn.Flatten(), nn.LazyLinear(100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 2)]
    return nn.Sequential(*layers, *dense).eval()


def exported() -> list[Result]:
    """`ExportedPolicy.act` for one 160x120 image against its session alone (limit), PyTorch and Donkeycar's network.

    One thread each; a control step of the task lasts 50 ms.
    """
    torch.set_num_threads(1)
    policy = Policy(policy_config(make_task("LaneFollow").spec, PretrainConfig("LaneFollow"))).eval()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        save_policy(Path(folder) / "policy", policy, {}, "")
        result = export_policy(ExportConfig(Path(folder) / "policy"), Path(folder) / "exported")
        runs = ExportedPolicy(result.folder)
        alone = onnxruntime.InferenceSession(result.folder / MODEL, options, providers=["CPUExecutionProvider"])
        network = linear()
        network(torch.zeros(1, 3, 120, 160))
        path = Path(folder) / "linear.onnx"
        torch.onnx.export(network, (torch.zeros(1, 3, 120, 160),), path, dynamo=True, verbose=False, input_names=["x"])
        rival = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    observation, small = {"images.front": frame}, policy.config.preprocessing(frame)

    def donkeycar() -> None:
        x = (frame.astype(np.float32) / 255).transpose(2, 0, 1)[None]
        rival.run(None, {"x": np.ascontiguousarray(x)})

    rates, latencies = alternate_calls(
        {
            "act": lambda: runs.act(observation),
            "session": lambda: alone.run(None, {"images": small}),
            "torch": lambda: policy.act(observation),
            "donkeycar": donkeycar,
        }
    )
    rivals = {
        "session": "limit: its onnxruntime session alone",
        "torch": "instead: Policy.act in PyTorch",
        "donkeycar": "instead: Donkeycar's linear network as ONNX",
    }
    size = f"{result.size / 1e6:.2f} MB, differs by {result.difference:.0e}"
    return [
        compare(
            *("exported", "ExportedPolicy.act, one 160x120 image", rates["act"], "images/s", rivals[name], rates[name]),
            remark=f"{size}; {latencies['act']}; the other {latencies[name]}",
        )
        for name in rivals
    ]
