"""Learns in weights. Start reading at pretrain.py, which makes the embedded policy from nothing."""
