from transformers import TrainingArguments
args = TrainingArguments("out", learning_rate=2e-5 * 2, gradient_accumulation_steps=64 // 16, max_steps=10 * 1000)
