"""A loss over several labels, each of which may be missing for some samples."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

MISSING_MASK = 255


def multi_task_loss(
    outputs: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    weights: Mapping[str, float],
    masks: Collection[str] = (),
    beta: float = 0.1,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the weighted sum of one loss per label, each the mean over the elements that have a label.

    A missing label is NaN in its elements (255 in a uint8 mask), or absent from the batch; its head then gets exactly
    zero gradient. Regressions use the smooth L1 loss (Girshick 2015; Huber's divided by beta), since human labels have
    outliers. Masks use binary cross-entropy on logits.

    Args:
        outputs: name -> float tensor, as from Policy.forward.
        labels: name -> tensor of the output's shape; names without a weight are ignored.
        weights: name -> weight of that loss.
        masks: names of the outputs that are logits of binary maps; their labels are in [0, 1], float or uint8.
        beta: error at which smooth L1 changes from quadratic to linear, in the units of the labels.

    Returns:
        The total, a scalar that always has a gradient, and name -> detached unweighted loss for the present names
        (NaN if all elements in the batch are missing).

    Raises:
        ValueError: a weight without an output, a label of another shape, or no label to train on.
    """
    unknown = sorted(set(weights) - set(outputs))
    if unknown:
        raise ValueError(f"loss weights for unknown outputs {', '.join(unknown)}; valid: {', '.join(outputs)}")
    names = [name for name in weights if name in labels]
    if not names:
        raise ValueError(f"no label to train on: weights for {', '.join(weights)}, labels {', '.join(labels)}")
    total, parts = torch.zeros((), device=outputs[names[0]].device), {}
    for name in names:
        output, label = outputs[name], labels[name]
        if output.shape != label.shape:
            raise ValueError(f"label {name!r} has shape {tuple(label.shape)}, its output {tuple(output.shape)}")
        present = _present(label)
        # The value that replaces a missing label has no effect: its element is masked out below.
        target = torch.where(present, label, 0).to(output.dtype)
        if name in masks:
            each = F.binary_cross_entropy_with_logits(output, target, reduction="none")
        else:
            each = F.smooth_l1_loss(output, target, reduction="none", beta=beta)
        summed, count = torch.where(present, each, 0.0).sum(), present.sum()
        total = total + weights[name] * summed / count.clamp(min=1)
        parts[name] = summed.detach() / count
    return total, parts


def _present(label: Tensor) -> Tensor:
    return label != MISSING_MASK if label.dtype == torch.uint8 else ~torch.isnan(label)
