"""The demonstration: a study of the published shape, replayed through the same actions that people use."""
