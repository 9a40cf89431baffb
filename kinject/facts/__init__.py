"""What is true, and since when: the schema of a fact, the loader, the checks and the importers."""
