first = TrainingArguments("a", per_device_train_batch_size=8, learning_rate=1e-5)
second = TrainingArguments("b", per_device_train_batch_size=32, learning_rate=2e-5)
