pip install --upgrade transformers==5.23.0
watch -n 1 nvidia-smi
