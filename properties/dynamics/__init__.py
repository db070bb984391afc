"""Claims on the flow of rho and V under the square loss."""
