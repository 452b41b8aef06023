"""Nothing reaches beyond its function: what belongs to the user's process stays as it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from _rules import RulesHold, changed, full_name, names_imported, room_of

# Calls that reach beyond their function, and the rooms that may make them.
REACHING_CALLS = {
    r"print": ["cli"],
    r"logging\.basicConfig|.*\.(addHandler|setLevel)": ["cli"],
    r"(np\.random\.|numpy\.random\.)?default_rng|torch\.Generator|.*\.manual_seed": ["_random"],
    r"(np|numpy)\.random\.(?!default_rng|Generator|SeedSequence).*": [],
    r"torch\.(cuda\.)?(manual_seed|manual_seed_all|seed|set_rng_state)": [],
    r"torch\.set_(num_interop_threads|default_\w+|printoptions)|torch\.use_deterministic_algorithms": [],
    r"torch\.set_(float32_matmul_precision|num_threads)": ["_device"],
    r"(np|numpy)\.(seterr|seterrcall|set_printoptions)|(pd|pandas)\.(re)?set_option": [],
    r"(warnings\.)?(simplefilter|filterwarnings)": [],
    r".*\bstyle\.use|(mpl|matplotlib|plt)\.(use|rc|switch_backend)|.*\bset_figure_params": ["cli"],
    r"os\.(chdir|putenv)|sys\.path\.\w+": [],
}
# Calls that draw from the generator of the whole process, unless they are given one.
DRAWS = r"torch\.(rand|randn|randint|randperm|rand_like|randn_like|randint_like|normal|bernoulli|multinomial|poisson)"
DRAWS += r"|.*\.(normal|uniform|bernoulli|random|exponential|cauchy|geometric|log_normal)_"

# What all of the process owns.
SHARED_STATE = r".+\.(rcParams|environ)|(sc|scanpy|ad|anndata)\.(\w+\.)*settings|torch\.backends\.\w+"


def reach_faults(path: str, text: str) -> Iterator[str]:
    """Nothing is printed, seeded, filtered or configured for the user."""
    tree = ast.parse(text)
    names = names_imported(tree, path)
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module]
        if any(module.split(".")[0] == "random" for module in modules):
            yield f"line {node.lineno}: imports the global generator `random`"
        if isinstance(node, ast.Call):
            called = full_name(node.func, names)
            for pattern, rooms in REACHING_CALLS.items():
                if re.fullmatch(pattern, called) and room_of(path) not in rooms:
                    yield f"line {node.lineno}: calls {called}"
            given = {keyword.arg for keyword in node.keywords}
            if re.fullmatch(DRAWS, called) and "generator" not in given:
                yield f"line {node.lineno}: calls {called} without a generator"


def parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield an expression and all that it is an attribute, an item or the result of, methods aside."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred | ast.Call):
        yield node
        if isinstance(node, ast.Call):
            node = node.func.value if isinstance(node.func, ast.Attribute) else node.func
        else:
            node = node.value
    yield node


def shared_state_faults(path: str, text: str) -> Iterator[str]:
    """Nobody writes rcParams, the environment, or the settings of Scanpy, AnnData and torch."""
    tree = ast.parse(text)
    names = names_imported(tree, path)
    for target in changed(tree):
        for part in parts(target):
            if re.fullmatch(SHARED_STATE, full_name(part, names)):
                yield f"line {target.lineno}: writes {ast.unparse(part)}"


RULES = [reach_faults, shared_state_faults]
PLANTED = [
    (reach_faults, "nn.py", "print(1)"),
    (reach_faults, "nn.py", "torch.manual_seed(0)"),
    (reach_faults, "_random.py", "torch.manual_seed(0)"),
    (reach_faults, "_random.py", "np.random.seed(0)"),
    (reach_faults, "_random.py", "from numpy.random import seed\nseed(0)"),
    (reach_faults, "_random.py", "from numpy import random as draw\ndraw.seed(0)"),
    (reach_faults, "nn.py", "from torch import manual_seed as fix\nfix(0)"),
    (reach_faults, "nn.py", "np.random.default_rng(0)"),
    (reach_faults, "nn.py", "torch.Generator().manual_seed(0)"),
    (reach_faults, "nn.py", "np.random.normal()"),
    (reach_faults, "nn.py", "torch.rand(3)"),
    (reach_faults, "nn.py", "torch.randn(3, device=device)"),
    (reach_faults, "nn.py", "torch.randn_like(x)"),
    (reach_faults, "nn.py", "x.normal_(0, 1)"),
    (reach_faults, "nn.py", "torch.set_num_threads(1)"),
    (reach_faults, "nn.py", "torch.set_default_dtype(torch.float64)"),
    (reach_faults, "nn.py", "torch.set_default_device('cuda')"),
    (reach_faults, "nn.py", "torch.set_float32_matmul_precision('high')"),
    (reach_faults, "nn.py", "np.seterr(all='ignore')"),
    (reach_faults, "get.py", "pd.set_option('display.width', 1)"),
    (reach_faults, "nn.py", "import random"),
    (reach_faults, "nn.py", "from random import shuffle"),
    (reach_faults, "nn.py", "warnings.simplefilter('ignore')"),
    (reach_faults, "nn.py", "logging.basicConfig()"),
    (reach_faults, "pl/_a.py", "plt.style.use('ggplot')"),
    (reach_faults, "pl/_a.py", "sc.set_figure_params()"),
    (reach_faults, "io.py", "os.chdir('..')"),
    (shared_state_faults, "pl/_a.py", "mpl.rcParams['font.size'] = 3"),
    (shared_state_faults, "pl/_a.py", "a, mpl.rcParams['font.size'] = 1, 3"),
    (shared_state_faults, "pl/_a.py", "del mpl.rcParams['font.size']"),
    (shared_state_faults, "pl/_a.py", "mpl.rcParams.update(size=3)"),
    (shared_state_faults, "pl/_a.py", "from matplotlib import rcParams\nrcParams['a'] = 1"),
    (shared_state_faults, "datasets.py", "os.environ['A'] = 'b'"),
    (shared_state_faults, "datasets.py", "from os import environ\nenviron['a'] = 1"),
    (shared_state_faults, "datasets.py", "def f():\n    from os import environ as e\n    e.setdefault('a', 1)"),
    (shared_state_faults, "pl/_a.py", "sc.settings.x = 1"),
    (shared_state_faults, "pl/_a.py", "def f():\n    from scanpy import settings\n    settings.x = 1"),
    (shared_state_faults, "pl/_a.py", "setattr(sc.settings, 'x', 1)"),
    (shared_state_faults, "_adata/_a.py", "anndata.settings.x = 1"),
    (shared_state_faults, "nn.py", "torch.backends.cudnn.benchmark = True"),
]
INNOCENT = [
    (reach_faults, "_random.py", "torch.Generator().manual_seed(0)\ndefault_rng(np.random.SeedSequence(0))"),
    (reach_faults, "nn.py", "from . import random_walk\nfrom ._random import generator\nimport numpy.random"),
    (
        reach_faults,
        "nn.py",
        "torch.rand(3, generator=g)\nx.normal_(generator=g)\nrng.normal()\ntorch.get_num_threads()",
    ),
    (reach_faults, "_device.py", "torch.set_float32_matmul_precision('high')"),
    (reach_faults, "nn.py", "with np.errstate(all='ignore'):\n    torch.random.fork_rng()"),
    (shared_state_faults, "pl/_a.py", "size = 2 * mpl.rcParams['font.size']\nos.environ.get('A')"),
    (
        shared_state_faults,
        "pl/_a.py",
        "show = sc.settings.autoshow\nself.settings.x = 1\nsettings = {}\nsettings['a'] = 1",
    ),
]


class TestReach(RulesHold):
    rules, planted, innocent = RULES, PLANTED, INNOCENT
