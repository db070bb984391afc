"""Claims on how many samples suffice for a given error."""
