"""Learns in words while the user is away: start reading at sleep_pass.py."""
