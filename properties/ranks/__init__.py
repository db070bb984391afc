"""Claims on the rank of gradients, and on the distance of weight matrices from low rank."""
