"""What the notebooks share; they import, explain and show."""

import warnings

# Progress bars do without widgets here, and need not be reminded of them.
warnings.filterwarnings("ignore", message="IProgress not found")
