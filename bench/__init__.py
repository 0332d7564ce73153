"""Measurements: one script a figure, run as `python -m bench.NAME`. They print ratios and never assert."""
