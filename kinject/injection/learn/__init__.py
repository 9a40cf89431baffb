"""What is trained on the new facts: one file a method, each ending in a `Learn` value that the table names."""
