fairseq-train data-bin --lr 5e-4 --lr-scheduler inverse_sqrt --warmup-updates 4000 --update-freq 8 --clip-norm 0.1 --fp16
