BATCH=${BATCH:-16}
LR=${LR:-3e-5}
python train.py --batch_size "$BATCH" --lr "$LR"
