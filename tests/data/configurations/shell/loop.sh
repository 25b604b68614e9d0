for bs in 8 16 32; do
  python train.py --per_device_train_batch_size $bs --learning_rate 2e-5
done
