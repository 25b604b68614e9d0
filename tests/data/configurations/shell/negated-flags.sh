python train.py --no_tf32 --gradient_checkpointing --per_device_train_batch_size 2 --bf16 False
