"""Pages that Sphinx fills from the code: the Python client and the command."""

from pathlib import Path

CLIENT = """# The Python client

Made from the docstrings of `imagineai_client`. How to use it, with examples: [the guide](../client.md).

```{eval-rst}
.. currentmodule:: imagineai_client

.. autoclass:: imagineai_client.Client
   :members:

.. autoclass:: imagineai_client.AsyncClient
   :members:

.. autoclass:: imagineai_client.Findings
   :members:
```

## Answers

```{eval-rst}
.. automodule:: imagineai_client.answers
   :members:
   :undoc-members:
```

## Errors

```{eval-rst}
.. automodule:: imagineai_client.errors
   :members:
   :show-inheritance:
```
"""
COMMAND = """# The command `imagineai`

Made from its own parser; `imagineai VERB --help` says the same. How to use it: [the guide](../client.md).

```{eval-rst}
.. argparse::
   :ref: imagineai_client.command.parser
   :prog: imagineai
   :nodefaultconst:
```
"""


def pages() -> dict[Path, str]:
    """Both pages by their places."""
    return {Path("reference/client.md"): CLIENT, Path("reference/command.md"): COMMAND}
