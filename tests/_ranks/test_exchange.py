"""What ranks hand each other, and how they share out work."""

from __future__ import annotations
