from transformers import TrainingArguments

BATCH_SIZE = 16
LR = 3e-5
EPOCHS = 4

args = TrainingArguments(
    "out", per_device_train_batch_size=BATCH_SIZE, per_device_eval_batch_size=BATCH_SIZE * 2, learning_rate=LR,
    num_train_epochs=EPOCHS,
)
