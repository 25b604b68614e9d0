import torch
from torch.utils.data import DataLoader

train_loader = DataLoader(data, batch_size=16, shuffle=True, num_workers=4, pin_memory=True, prefetch_factor=2)
val_loader = DataLoader(held_out, batch_size=32)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5, weight_decay=0.01, betas=(0.9, 0.99), eps=1e-6)
torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
