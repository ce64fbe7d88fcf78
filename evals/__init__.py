"""Does it get better? Every number in the README is printed by a command of this folder."""
