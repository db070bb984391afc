"""Vector code: a small language that LLVM compiles, and singular values written in it."""
