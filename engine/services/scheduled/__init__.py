"""What time brings without an event: silence, dates and schedules, refreshes, existing customers."""
