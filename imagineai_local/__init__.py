"""The embedded platform: every service that ImagineAI needs, from wheels, on this machine alone.

It starts processes and sets variables; it imports none of our other packages and none imports it.
Read in this order: `command` (up, down, status) -> `configuration` (what is ours, what is elsewhere) ->
`parts` (one module each) -> `launcher` (up, demo, watch, down) -> `supervisor` (order, restarts) ->
`processes` and `guardian` (nothing is left behind).
"""
