import lightning as L
trainer = L.Trainer(max_epochs=5, accumulate_grad_batches=4, precision="bf16-mixed", gradient_clip_val=1.0, devices=1)
