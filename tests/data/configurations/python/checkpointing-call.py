model.gradient_checkpointing_enable()
learning_rate = 1e-5
