"""Claims on generalisation: complexities of classes of networks, and bounds on errors."""
