"""What the processes of the tests have loaded before they begin."""

from mscbank.app import load_steps
from mscbank.ops import serving

load_steps()

__all__ = ["serving"]
