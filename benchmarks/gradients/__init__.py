"""The same gradients by derive, tensorgrad and SymPy: losses, how each is asked, and how large its answer is."""
