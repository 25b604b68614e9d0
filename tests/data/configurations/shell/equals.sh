torchrun --nproc_per_node=2 train.py --per_device_train_batch_size=16 --bf16=True --warmup_steps=500
