"""Collection: the donor's assessment before the marrow, and the marrow itself under its donation number."""
