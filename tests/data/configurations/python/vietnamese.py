# Cấu hình huấn luyện cho PhoBERT
kich_thuoc = 3
batch_size = 32  # số mẫu mỗi bước
learning_rate = 2e-5
