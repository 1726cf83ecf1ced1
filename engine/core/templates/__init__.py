"""Messages are Jinja2 templates: checked when a definition is validated, rendered strictly when a step is due.

`check` says what is wrong with a template before it is used, `render` turns it into text or raises: a value that is
not there never becomes "None" in a message.
"""

from __future__ import annotations

from engine.core.templates.filters import OUTPUT_LIMIT
from engine.core.templates.names import TemplateNames, check
from engine.core.templates.rendering import render
from engine.core.templates.syntax import TemplateProblem

__all__ = ["OUTPUT_LIMIT", "TemplateNames", "TemplateProblem", "check", "render"]
