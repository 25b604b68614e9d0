"""The parts of `benchmarks/time_to_best_batch.py`; what they do together is told there."""
