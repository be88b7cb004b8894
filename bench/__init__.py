"""What the service costs, measured against what the work itself costs, on a platform of its own."""
