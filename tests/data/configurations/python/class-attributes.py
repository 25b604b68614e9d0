class Config:
    BATCH_SIZE = 4
    GRAD_ACCUM = 8
    LR = 1e-4
