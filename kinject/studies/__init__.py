"""The paper's questions, each answered by one file."""
