train_batch_size = eval_batch_size = 16
lr, weight_decay = 2e-5, 0.01
