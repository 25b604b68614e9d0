# first try
batch_size = 8
learning_rate = 1e-5

# second try
batch_size = 16
learning_rate = 1.4e-5
