"""What one would serve the same network with instead: each a short program, as its own pages have it."""
