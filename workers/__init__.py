"""The processes that do the work: the matcher's loop, and Celery's short tasks. They only call services."""
