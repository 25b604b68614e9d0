python train.py \
    --per_device_train_batch_size 8 \      # change this
    --gradient_accumulation_steps 2        # and this
