"""Question in, facts out: which events stand nearest to a question, and how often the right one is among them."""
