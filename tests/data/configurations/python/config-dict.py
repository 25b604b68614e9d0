CONFIG = {
    "model_name": "vinai/phobert-base",
    "batch_size": 32,
    "max_length": 256,
    "learning_rate": 2e-5,
    "num_epochs": 5,
}
