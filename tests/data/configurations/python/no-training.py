import json

def add(a, b):
    workers = 4
    return a + b
