"""Formulas of our docstrings, which are written for a terminal, as they are set on a page.

A formula may go on over the end of a line. `tests/test_site.py` says if one is no longer in any docstring.
"""

from __future__ import annotations

import re

FORMULAS = {
    "1 + sum_(i != j) L_ij corr(u_i, u_j) / trace(L)": (
        r"1 + \sum_{i \neq j} L_{ij} \, \mathrm{corr}(u_i, u_j) \, / \, \mathrm{tr}(L)"
    ),
    "u = x / (|x| + 0.1 mean |x|)": r"u = x \, / \, (|x| + 0.1 \, \mathrm{mean} |x|)",
    "x / (|x| + 0.1 mean |x|)": r"x \, / \, (|x| + 0.1 \, \mathrm{mean} |x|)",
    "1 - corr(u_i, u_j)": r"1 - \mathrm{corr}(u_i, u_j)",
    "x^T L x = 1/2 sum_ij w_ij (x_i - x_j)^2": r"x^T L x = \frac{1}{2} \sum_{ij} w_{ij} (x_i - x_j)^2",
    "x^T L x / x^T x": r"x^T L x \, / \, x^T x",
    "x^T L x": r"x^T L x",
    "of g(lambda) |P x|": r"of :math:`g(\lambda) \, |P x|`",
    "trace(|W|^T L |W|)": r"\mathrm{tr}(|W|^T L |W|)",
    "trace(V^T L V) / trace(L)": r"\mathrm{tr}(V^T L V) \, / \, \mathrm{tr}(L)",
    "1 - cos(|w_i|, |w_j|)": r"1 - \cos(|w_i|, |w_j|)",
    "L = U diag(lambda) U^T": r"L = U \, \mathrm{diag}(\lambda) \, U^T",
    "U^T x are": r":math:`U^T x` are",
    "L = D^-1/2 (D - A) D^-1/2": r"L = D^{-1/2} (D - A) D^{-1/2}",
    "[0, 2 max(d)]": r"[0, 2 \max(d)]",
    "D = diag(d)": r"D = \mathrm{diag}(d)",
    "L = D - A": r"L = D - A",
    "L 1 = 0": r"L \mathbf{1} = 0",
    "I - D^-1/2 A D^-1/2": r"I - D^{-1/2} A D^{-1/2}",
    "L = D^-1 (D - A)": r"L = D^{-1} (D - A)",
    "I - D^-1 A": r"I - D^{-1} A",
    "L sqrt(d) = 0": r"L \sqrt{d} = 0",
    "((A + I) row-normalised)^power": r"(A + I, \text{row-normalised})^{\text{power}}",
    "((A + I) row-normalised)^s": r"(A + I, \text{row-normalised})^s",
    "g(lambda) = exp(-s lambda)": r"g(\lambda) = \exp(-s \lambda)",
    "g(lambda) = s lambda exp(-s lambda)": r"g(\lambda) = s \lambda \exp(-s \lambda)",
    "1.2 / e * exp(-(lambda / (0.02 lambda_max))^4)": r"\frac{1.2}{e} \exp(-(\lambda \, / \, (0.02 \lambda_{\max}))^4)",
    "v(y) = y^4 (35 - 84 y + 70 y^2 - 20 y^3)": r"v(y) = y^4 (35 - 84 y + 70 y^2 - 20 y^3)",
    "(exp(-d^2 / s_i^2) + exp(-d^2 / s_j^2)) / 2": r"(\exp(-d^2 / s_i^2) + \exp(-d^2 / s_j^2)) \, / \, 2",
    "d = sqrt(2 (1 - c))": r"d = \sqrt{2 (1 - c)}",
    "max(c, 0)^2": r"\max(c, 0)^2",
    "sum_i abs(x_i)": r"\sum_i |x_i|",
    "sum_i x_i^2": r"\sum_i x_i^2",
    "exp(-lambda)": r"\exp(-\lambda)",
}


def pattern(formula: str) -> re.Pattern[str]:
    """Return what finds a formula, wherever its blanks are the end of a line."""
    return re.compile(r"(?<![\w`])" + r"\s+".join(re.escape(part) for part in formula.split(" ")) + r"(?![\w`])")


def typeset(docstring: str) -> str:
    """Return a docstring whose formulas, up to its examples, are roles."""
    text, heading, examples = docstring.partition("\nExamples\n---")
    found: list[str] = []
    for formula, tex in FORMULAS.items():
        tex = re.sub(r"\|([^|]+)\|", r"\\left|\1\\right|", tex)  # as fences: else blanks stand around each bar
        role = tex if ":math:" in tex else f":math:`{tex}`"
        text = pattern(formula).sub(f"\0{len(found)}\0", text)  # put in last: a formula may be part of a longer one
        found.append(role)
    return re.sub("\0(\\d+)\0", lambda match: found[int(match[1])], text) + heading + examples
