"""Half precision where the processor has it."""

import torch


def has_bf16(device: torch.device) -> bool:
    """Whether bf16 arithmetic on this device is done in hardware."""
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def bf16_autocast(device: torch.device, enabled: bool = True) -> torch.autocast:
    """Context in which a training step runs in bf16, or in float32 where that is not done in hardware."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled and has_bf16(device))
