"""PostgreSQL: one module of named queries per noun; every statement works on sets."""
