class PlatformError(Exception):
    """Why the platform cannot start or go on, in words for the person who started it.

    The message is printed as it is, without a traceback; it names the variable, port or part at fault.
    """
