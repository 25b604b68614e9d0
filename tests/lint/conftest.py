"""Files to lint."""

import pytest

BAD_YAML = """\
# Training of the guide, for a T4.
training:
  per_device_train_batch_size: 16   # kept small
  per_device_eval_batch_size: 192
  gradient_accumulation_steps: 1
  learning_rate: 3.0e-5

  fp16: true
  fp16_opt_level: "O1"              # conservative
  tf32: true
  evaluation_strategy: steps
"""
GUIDE = """\
# BioBERT on a T4

The settings for BioBERT on a T4 16GB at max length 512:

```yaml
per_device_train_batch_size: 16
per_device_eval_batch_size: 1024
gradient_accumulation_steps: 4   # Effective = 16*4 = 96
fp16: true
```
"""


@pytest.fixture
def bad_yaml(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text(BAD_YAML, encoding="utf-8")
    return path


@pytest.fixture
def guide(tmp_path):
    path = tmp_path / "guide.md"
    path.write_text(GUIDE, encoding="utf-8")
    return path
