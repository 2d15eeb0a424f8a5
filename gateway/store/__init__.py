"""What is kept, in SQLite or PostgreSQL; every write is one transaction that also appends its audit record."""
