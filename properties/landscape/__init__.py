"""Claims on the landscape of the loss: its minima and critical points."""
