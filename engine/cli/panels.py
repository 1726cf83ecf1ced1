"""What the commands are about, as `sop --help` groups them."""

from __future__ import annotations

from engine.core.sentence import Sentence

START = Sentence("Start here")
DEFINITIONS = Sentence("Definitions")
TOUCHES = Sentence("Events and touches")
OPERATING = Sentence("Operating")
INSTALLATION = Sentence("Installation")
PROCESSES = Sentence("Processes")
