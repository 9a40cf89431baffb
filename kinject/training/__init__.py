"""Rows in, checkpoint out."""
