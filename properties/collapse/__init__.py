"""Claims on neural collapse."""
