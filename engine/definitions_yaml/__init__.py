"""The definitions folder: YAML text to `engine.core.definitions`, with a place in every problem."""

from __future__ import annotations

from engine.definitions_yaml.loading import Loaded, load, load_sources, render_problems

__all__ = ["Loaded", "load", "load_sources", "render_problems"]
