"""What is told: one customer, one SOP, the log, the installation."""
