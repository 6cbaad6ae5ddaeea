"""Half precision, if the processor supports it."""

import torch


def has_bf16(device: torch.device) -> bool:
    """Return whether this device computes bf16 in hardware."""
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def bf16_autocast(device: torch.device, enabled: bool = True) -> torch.autocast:
    """Return a context for a training step in bf16, or in float32 without hardware support."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled and has_bf16(device))
