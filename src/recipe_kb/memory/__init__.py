"""How much GPU memory a training step takes, without a GPU: its allocations, traced and replayed."""
