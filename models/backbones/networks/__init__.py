"""Architectures in plain torch, under the keys of their published weight files."""
