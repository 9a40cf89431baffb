"""Prompts in, completions out. A model, a model with a retriever in front, a scripted fake: all are engines."""
