import os
import torch
from transformers import TrainingArguments
args = TrainingArguments(
    "out",
    per_device_train_batch_size=int(os.environ["BATCH"]),
    fp16=torch.cuda.is_available(),
    learning_rate=1e-5,
)
