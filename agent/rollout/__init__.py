"""The rollout strategy: a tool-using loop per candidate, each in a worktree of its own. Start reading at loop.py."""
