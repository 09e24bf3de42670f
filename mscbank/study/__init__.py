"""The study: the protocol with its dose levels, places and visits, and the product's specifications."""
