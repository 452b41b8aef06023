"""Print the lowest declared version of each core dependency but torch as a pip constraint, one per line.

torch is left out: an old build of it with CUDA takes gigabytes.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
for requirement in project["dependencies"]:
    bound = re.fullmatch(r"([\w-]+)>=([\w.]+)", requirement)
    if bound and bound[1] != "torch":
        sys.stdout.write(f"{bound[1]}=={bound[2]}\n")
