"""The commands of `headgate`, one module each.

The rule: a command gets its arguments, the environment and where to write handed in, and returns
the exit code.
"""
