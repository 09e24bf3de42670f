"""The ground of the house: it knows no donor, no vial and no step."""
