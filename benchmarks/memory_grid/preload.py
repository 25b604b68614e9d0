"""What a child imports first, or has from the fork server, which imports it once for all.

A process that has touched CUDA must not be forked: its children could not use the GPU.
And no child may touch it before its turn, because the counters of the one whose turn it is would show that.
"""

import os
import sys
from typing import Any, cast

# "Is there a GPU" is asked of NVML then, and not of the CUDA driver, which is of no use after a fork.
os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"

# peft imports bitsandbytes, which asks for the GPU's properties. Hidden here; who needs it later finds it.
cast("dict[str, Any]", sys.modules)["bitsandbytes"] = None
import recipe_kb.probe.session  # noqa: E402
import recipe_kb.training.loop  # noqa: E402, F401

del sys.modules["bitsandbytes"]
