"""The wall that lets records in: doors, judging, linking, and what is derived from bytes."""
