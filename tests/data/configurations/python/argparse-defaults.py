import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--batch_size", type=int, default=32)
parser.add_argument("--lr", "--learning_rate", type=float, default=5e-5)
parser.add_argument("--epochs", default=3, type=int, help="how long")
args = parser.parse_args()
