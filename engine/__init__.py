"""The SOP engine: turns what a CRM reports about customers into timelines and touches, and can say why."""
