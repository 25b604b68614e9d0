config = {
    "data": {"batch_size": 8, "num_workers": 2},
    "optim": {"name": "adamw", "lr": 1e-4, "weight_decay": 0.1},
    "max_epochs": 20,
}
