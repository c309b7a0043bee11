"""Training in JAX, from a build directory and nothing else of ours but its reader.

No module here imports TensorFlow, SeqIO or torch when it is itself imported.
"""
