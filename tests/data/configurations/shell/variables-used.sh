#!/bin/bash
BATCH_SIZE=4
LR=5e-5
python run.py --per_device_train_batch_size $BATCH_SIZE --learning_rate "${LR}" --num_train_epochs 3
