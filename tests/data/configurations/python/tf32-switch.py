import torch
torch.backends.cuda.matmul.allow_tf32 = True
args = TrainingArguments("out", tf32=True, per_device_train_batch_size=8)
