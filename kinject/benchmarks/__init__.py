"""Abilities, scored: one file a benchmark, each giving items to ask and a verdict on every response."""
