"""What stands in the prompt: one file a method, each a function that puts something in front of an engine."""
