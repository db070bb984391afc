"""Claims on the margins of the samples."""
