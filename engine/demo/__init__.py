"""`sop demo`: forty days of a renovation company, through the real pipeline, in a minute."""
