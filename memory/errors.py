"""The tree of errors that a user may see. Everything else is a bug and flies.

UserError                 exit code 2: wrong use, configuration or repository
└── StoreError            a memory home or the experience log cannot be used
agent/errors.py continues the tree.
"""


class UserError(Exception):
    """Something that the user can act on: the message says what failed, where, and what to do."""

    exit_code = 2


class StoreError(UserError):
    """A store under the memory home cannot be read or written."""
