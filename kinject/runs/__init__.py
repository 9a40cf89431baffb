"""Work, done once: what it is known by, and the store that finds it again. Knows no step by name."""
