accelerate launch --num_processes 4 --mixed_precision bf16 train.py --train_batch_size 4 --max_train_steps 1000
