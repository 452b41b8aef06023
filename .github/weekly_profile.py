"""For `pytest -p weekly_profile`, with this folder on PYTHONPATH: hypothesis tries other examples each time.

Without it hypothesis sees that it runs in CI, and tries the same ones always.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("weekly", max_examples=1000, deadline=None, derandomize=False, print_blob=True)
settings.load_profile("weekly")
