"""The endpoints, one file a subject, with what they ask for and answer."""
