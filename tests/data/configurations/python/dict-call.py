training_kwargs = dict(per_device_train_batch_size=8, learning_rate=1e-5, num_train_epochs=2)
args = TrainingArguments("out", **training_kwargs)
