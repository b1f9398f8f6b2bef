"""Where Mesa keeps its books: one database, SQLite or PostgreSQL, spoken to through SQLAlchemy Core."""
