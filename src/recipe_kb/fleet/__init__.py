"""The same probes on many machines, by an engine that exists: Ray, or shards for a queue such as Slurm's.

Nothing here knows how to train; what runs on a node is `recipe_kb.probe` in its child process.
Only `engine`, `nodes`, `work` and `head` import ray, and not before they are called: it is an optional extra.
"""
