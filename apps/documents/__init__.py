"""The operation note as documents that a hospital can take in."""
