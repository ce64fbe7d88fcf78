"""SWE-style evaluation: predictions and grades in SWE-bench's formats, without Docker."""
