"""All that a home holds as one file, and back: secrets, databases, objects."""
