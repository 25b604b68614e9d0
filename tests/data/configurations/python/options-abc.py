# Option A: no accumulation
config["batch_size"] = 64
config["gradient_accumulation_steps"] = 1

# Option B: accumulate two
config["batch_size"] = 32
config["gradient_accumulation_steps"] = 2
