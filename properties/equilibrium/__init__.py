"""Claims on where rho comes to rest, and how far from interpolation."""
