"""Learns in weights. Start reading at round.py; pretrain.py makes the embedded policy from nothing."""
