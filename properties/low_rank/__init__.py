"""Claims that batch size, weight decay and learning rate lower the rank of trained weights."""
