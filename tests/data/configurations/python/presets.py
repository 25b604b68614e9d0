PRESETS = {
    "t4": {"batch_size": 16, "learning_rate": 2e-5},
    "a100": {"batch_size": 64, "learning_rate": 4e-5},
}
