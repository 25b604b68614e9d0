python train.py --per_device_train_batch_size 8 --learning_rate 1e-5
python train.py --per_device_train_batch_size 16 --learning_rate 2e-5
