"""Task complexity: how many bits does an adaptation need to reach a score? (arXiv 2602.15829)"""
