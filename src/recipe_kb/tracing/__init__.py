"""Tracing a training step under fake tensors, for `memory` to replay; what of the prediction needs torch."""
