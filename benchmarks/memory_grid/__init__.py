"""The parts of `benchmarks/gpu_memory_grid.py`; what they do together is told there."""
