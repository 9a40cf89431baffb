"""The embedded world: a seeded fiction and a small model pretrained on it up to a cutoff."""
