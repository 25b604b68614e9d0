batch_size = 8
learning_rate = 5e-5
num_epochs = 3
max_grad_norm = 1.0
