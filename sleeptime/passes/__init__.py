"""What is thought about while the user is away, a kind in each file; study.py says what a pass is."""
