"""The operators' page: Prefect, MLflow and JupyterLab behind one sign-in, on an origin of its own.

Read in this order: `app` (the whole page) -> `door` (who comes in) -> `sessions` (who is signed in) ->
`interfaces` (which there are) -> `forwarding` and `sockets` (what goes to and fro).
"""
