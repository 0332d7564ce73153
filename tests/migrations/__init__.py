"""The migrations and what they make."""
