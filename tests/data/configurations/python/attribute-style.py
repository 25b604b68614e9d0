args.per_device_train_batch_size = 4
args.gradient_accumulation_steps = 8
cfg.optim.lr = 3e-4
