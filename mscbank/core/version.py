"""The version of the software, kept with every act."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("mscbank")
except PackageNotFoundError:
    VERSION = "0"
