"""The arms: which weights to start from, what is trained on the new facts, what stands in the prompt."""
