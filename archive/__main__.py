"""`python -m archive` is the `tallenne` command; the supervisor starts the roles this way."""

from archive.cli import main

main()
