"""Pure decisions: functions of values and a moment in time. No I/O, no clock, no random numbers."""
