args = TrainingArguments("out", max_steps=20_000, learning_rate=.00002)
