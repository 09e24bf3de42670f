"""At the bedside: ready, thawed, checked by two, started, completed, and what happened all the same."""
