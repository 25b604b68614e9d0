import transformers
args = transformers.Seq2SeqTrainingArguments("out", num_train_epochs=3, optim="adafactor")
