space = {"lr": tune.loguniform(1e-5, 1e-3), "batch_size": tune.choice([8, 16]), "epochs": 3}
