def train():
    if True:
        with open("log") as log:
            args = TrainingArguments("out", per_device_train_batch_size=6, gradient_checkpointing=True)
    return args
