"""Links to other projects: where their inventories can be fetched, and none where they cannot.

A link into another project is a courtesy. Whether its inventory is at hand, and names a class as this version of it
does, must not decide whether our site can be built; so only names of our own have to resolve.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.error import URLError
from urllib.request import Request, urlopen

from sphinx.application import Sphinx
from sphinx.config import Config

ADDRESSES = {
    "anndata": "https://anndata.readthedocs.io/en/stable/",
    "matplotlib": "https://matplotlib.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "pandas": "https://pandas.pydata.org/docs/",
    "python": "https://docs.python.org/3/",
    "scanpy": "https://scanpy.readthedocs.io/en/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "torch": "https://docs.pytorch.org/docs/stable/",
}
SECONDS = 5


def _reachable(address: str) -> bool:
    try:
        with urlopen(Request(f"{address}objects.inv", method="HEAD"), timeout=SECONDS):
            return True
    except (URLError, TimeoutError, ConnectionError):
        return False


def _choose(_app: Sphinx, config: Config) -> None:
    with ThreadPoolExecutor(len(ADDRESSES)) as pool:
        reachable = dict(zip(ADDRESSES, pool.map(_reachable, ADDRESSES.values()), strict=True))
    config.intersphinx_mapping = {name: (ADDRESSES[name], None) for name, reached in reachable.items() if reached}


def setup(app: Sphinx) -> dict[str, bool]:
    """Choose the inventories before intersphinx looks at its setting, which it does at priority 800."""
    app.connect("config-inited", _choose, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
