"""Stands before the package of this name on the path of Prefect's processes, and says that it is missing.

jsonschema imports it where it is installed (JupyterLab brings it), only to check the format "iri", which
nobody asks of Prefect. It compiles 38 grammars on import: 1.3 s in each of the five Prefect processes that
start one after another until the first picture goes through.
"""

raise ImportError("left out: see imagineai_local/left_out")
