"""The sample contacts of `tallenne up --demo`: made-up people, calls spoken by a synthesiser, and how they get in.

Nothing here runs unless asked for, and nothing outside this package depends on it but the entry that starts it.
"""
