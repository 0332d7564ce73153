"""PostgreSQL: tables, the unit of work and the statements over them. No rows leave this package."""
