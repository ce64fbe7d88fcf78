"""Turns a task into a patch. Start reading at graph.py. Imports memory only."""
