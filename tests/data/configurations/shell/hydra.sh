python train.py trainer.max_epochs=5 data.batch_size=32 optim.lr=1e-4 +trainer.precision=bf16-mixed
