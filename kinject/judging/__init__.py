"""Answers in, verdicts out: correct or not, event recalled or invented, reasoning sound or faulty."""
