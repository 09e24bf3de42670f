"""Processes of their own, forked from one that has loaded the service and opened nothing."""

import multiprocessing
from multiprocessing.context import ForkServerContext


def prepared() -> ForkServerContext:
    """How the processes of a test begin."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["tests.loaded"])
    return found
