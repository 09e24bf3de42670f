"""The prescription, its dose line by line, the vials reserved for one patient, and their preparation."""
