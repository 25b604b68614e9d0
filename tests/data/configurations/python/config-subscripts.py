CONFIG = {}
CONFIG["batch_size"] = 16
CONFIG['gradient_accumulation_steps'] = 2
CONFIG["optimizer"]["lr"] = 1e-4
