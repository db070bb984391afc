"""Claims on the updates of SGD, where it can stop, and its noise."""
