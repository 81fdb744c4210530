"""The one exception whose text is meant for people."""


class Problem(Exception):
    """Something the user has to know, told in one sentence: what, where and what to do about it."""
