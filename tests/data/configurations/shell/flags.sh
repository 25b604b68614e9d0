#!/bin/bash
python train.py \
    --model_name_or_path bert-base-uncased \
    --per_device_train_batch_size 8 \
    --gradient_accumulation_steps 4 \
    --learning_rate 3e-5 \
    --fp16
