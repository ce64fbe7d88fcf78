"""Learns in words while the user is away. Not built yet."""
