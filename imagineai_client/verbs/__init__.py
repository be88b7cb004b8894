"""What the command ``imagineai`` can do, a module a kind of verbs; each adds its own to the parser."""
