"""The fastest safe batch on the GPU at hand: candidates from predicted memory, at most three of them measured.

Imported by the command line, so nothing here imports torch: what is measured runs in a probe's child process.
"""
