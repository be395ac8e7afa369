"""The verbs: thin programs over the spine, the streams and the models."""
