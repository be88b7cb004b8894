"""Something that happens in the middle of a call: the real part, with a call of it replaced."""


class Instead:
    """A part, with other functions in place of some of its own."""

    def __init__(self, part, **functions):
        self._part = part
        vars(self).update(functions)

    def __getattr__(self, name):
        return getattr(self._part, name)
