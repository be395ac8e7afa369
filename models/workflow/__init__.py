"""Recognition of instruments, phases and triplets: the network, and its training sets."""
