$env:BATCH_SIZE=8
python train.py --batch_size 8 `
  --learning_rate 1e-5
