"""Predicted against measured peak memory: how far off is a prediction, and what does anyone else get?

table, fields, architecture, models, gpus, versions   a row of a table becomes a `RowSpec`, or a reason why not
environment, workers, child                           one process per transformers version, fed with specs
predict, mem_tracker, rules                           what answers a spec: ours, PyTorch's, rules of thumb
scoring, report                                       errors, and how they are printed
grid                                                  our own measurements
"""
