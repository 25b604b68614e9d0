"""What each file of `kb/` may hold: frozen pydantic models, no input or output.

"Model" in this project is a neural network; the classes here are records.
"""
