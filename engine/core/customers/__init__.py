"""A customer as decisions see one, and how facts change one."""
