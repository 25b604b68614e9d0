from dataclasses import dataclass, field

@dataclass
class TrainConfig:
    batch_size: int = 12
    lr: float = 3e-5
    weight_decay: float = field(default=0.01)
    betas: tuple = (0.9, 0.98)
