"""The page kit, sessions, and the pages and API of the archive itself."""
