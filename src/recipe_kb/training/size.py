"""How large a network is, without running it."""

from torch import nn

FLOAT32_BYTES = 4

OPTIMIZER_STATE_BYTES = {"sgd": 0, "adafactor": 0}
"""State bytes per trained parameter, where it is not two float32 moments; Adafactor keeps a row and a column."""

ADAM_STATE_BYTES = 8


def static_bytes(network: nn.Module, optim: str) -> int:
    """Count weights, gradients and optimizer state: what training holds before its first activation.

    Args:
        network: May be on the meta device.
        optim: `Settings.optim`.

    Returns:
        Bytes, with float32 gradients.
    """
    state_bytes = OPTIMIZER_STATE_BYTES.get(optim, ADAM_STATE_BYTES)
    weights: int = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    trained: int = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    return weights + trained * (FLOAT32_BYTES + state_bytes)


def num_body_parameters(network: nn.Module) -> int:
    """Count the parameters that multiply every token: all but the embedding tables."""
    tables = {
        parameter
        for module in network.modules()
        if isinstance(module, nn.Embedding)
        for parameter in module.parameters()
    }
    return sum(parameter.numel() for parameter in network.parameters() if parameter not in tables)
