"""What ports and core are given from outside: the stream of hints, rate limits, official calendars, statistics."""
