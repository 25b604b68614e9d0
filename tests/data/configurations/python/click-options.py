import click

@click.command()
@click.option("--train-batch-size", default=8)
@click.option("--learning-rate", default=1e-5)
def main(train_batch_size, learning_rate):
    pass
