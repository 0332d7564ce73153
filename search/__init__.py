"""The wall that finds records again: queries, cursors, coverage and the search pages."""
