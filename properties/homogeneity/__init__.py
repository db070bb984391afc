"""Claims on the homogeneity of networks in each of their layers."""
