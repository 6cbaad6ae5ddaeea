"""A policy as an ONNX graph."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from policies.policy import Policy
from sim2real.errors import InputError

OPSET = 20  # grid_sample as PyTorch defines it
BATCH = 2  # images of the example: of one, the exporter would take the batch for constant


class _Graph(nn.Module):
    """Maps images (n, H, W, 3) uint8 at the network's size and state (n, S) float32 to actions (n, A) in [-1, 1].

    The alignment's grid is computed once: whether it moves images depends on its values, which no graph can ask.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy = policy
        self.grid: Tensor | None
        self.register_buffer("grid", policy.align.grid(*policy.config.encoder.size) if policy.align.moves else None)

    def forward(self, images: Tensor, state: Tensor | None = None) -> Tensor:
        if self.grid is not None:
            x, grid = images.permute(0, 3, 1, 2).to(torch.float32), self.grid.expand(images.shape[0], -1, -1, -1)
            images = grid_sample(x, grid, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)
        features = self.policy.features_of_aligned(images)
        return self.policy.heads(features, state, labels=False)["action"].clamp(-1.0, 1.0)


def write_graph(policy: Policy, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a policy as ONNX, with any number of images at once.

    Args:
        metadata: texts that the file keeps, by name.

    Raises:
        InputError: the exporter's libraries are not installed.
        OSError: writing failed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  (torch's exporter needs it, and says so in forty lines)
    except ImportError:
        raise InputError("exporting needs onnx and onnxscript: pip install 'sim2real[export]'") from None
    (height, width), state = policy.config.encoder.size, policy.config.heads.state
    example: tuple[Tensor, ...] = (torch.zeros((BATCH, height, width, 3), dtype=torch.uint8),)
    if state:
        example += (torch.zeros((BATCH, state)),)
    names = ["images", "state"][: len(example)]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    count = torch.export.Dim("n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the exporter itself uses
        program = torch.onnx.export(
            _Graph(policy).eval(),
            example,
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=names,
            output_names=["action"],
            dynamic_shapes=tuple({0: count} for _ in names),
        )
    assert program is not None
    model = program.model_proto
    for graph_node in model.graph.node:  # where in our source each node came from: paths of this machine
        del graph_node.metadata_props[:]
        graph_node.ClearField("doc_string")
    del model.metadata_props[:]
    for name, text in metadata.items():
        model.metadata_props.add(key=name, value=text)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
