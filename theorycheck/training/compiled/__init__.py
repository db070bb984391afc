"""The compiled engine: cohorts train in machine code, members as lanes of vectors."""
