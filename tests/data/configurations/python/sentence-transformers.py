args = SentenceTransformerTrainingArguments(output_dir="out", per_device_train_batch_size=64, warmup_ratio=0.1, bf16=True)
model.max_seq_length = 256
