"""What a channel measures, by its names: a marker of the cells, or something technical such as time or scatter.

A name is technical only if all its words are: "DNA1" and "Zombie NIR" are, "CD45_DNA", "DNAM-1" and "TIM-3" are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from scgsr._adata import MARKER

# Mass channels: 191Ir, Ir191Di, (Ir191)Dd.
_ISOTOPE = re.compile(
    r"\(?(?:(?P<mass>[0-9]{2,3})_?(?P<metal>[A-Z][a-z]?)|(?P<metal2>[A-Z][a-z]?)(?P<mass2>[0-9]{2,3}))\)?(?:D[di])?(?![A-Za-z0-9])"
)
_METALS = "Y Rh Pd Ag Cd In Sn Te I Xe Cs Ba La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Os Ir Pt Au Pb Bi"
# What a metal is when no other word says more: no antibody is bound to these in common panels.
_BY_METAL = {"Ir": "DNA", "Rh": "viability", "Pt": "viability", "Ce": "beads"}
_BY_METAL |= dict.fromkeys(["Xe", "Ba", "Pb", "Sn"], "background")

# Words that may stand beside those that tell.
_COLOURS = r"aqua|blue|green|red|violet|yellow|orange|crimson|near|far|n?ir|uv|pacific|amcyan|am|cyan|fire|alexa|fluor"
_DYES = r"e?fluor[0-9]*|ef?[0-9]{3}|bu?v[0-9]{3}|af[0-9]{3}|apc|cy[0-9]|pe|percp|fitc|h7|[a-z]?[0-9]{3}[a-z]?"
_PULSES = r"a|h|w|area|height|width|int|integral|peak|tof|lin|log|h?lin|h?log|[0-9]+"
_ANY = rf"{_COLOURS}|{_DYES}|{_PULSES}|bcd|channel"

_DEAD = (
    r"live|dead|livedead|ld|viab\w*|viob\w*|zombie\w*|7aad|dapi|pi|propidium|cisplatin\w*|cispt|fvd\w*|fvs\w*"
    r"|ghost\w*|sytox\w*|draq7|amine|aqua|topro[0-9]*"
)

# Of each kind the words of which there must be one, and those that may stand beside it.
_WORDS = {
    "time": (r"time[0-9]*|timestamp|tlsw|tmsw", r"hdr|t|ms|s|sec|msw|lsw|[0-9]+"),
    "scatter": (
        r"v?[fsb]sc[ahw]?[0-9]*|[fs]s|scatter|(forward|side)scatter",
        rf"forward|side|back|small|large|angle|low|high|par|perp|b|v|bl|vl|rl|yl|g|time|of|flight|{_COLOURS}|{_PULSES}",
    ),
    "DNA": (r"dna[0-9]*|intercalator|draq5|hoechst[0-9]*|dyecycle|fxcycle", rf"cell|id|content|ir|{_ANY}"),
    "viability": (
        _DEAD,
        rf"fixable|dye|stain|cells?|marker|iodide|reactive|and|or|cis|pt|rh|intercalator|{_ANY}",
    ),
    "beads": (r"beads?[0-9]*|eq[0-9]*|eq[0-9]*beads?[0-9]*", r"norm|normalization|calibration|ce|eu|ho|lu|[0-9]+"),
    "barcode": (r"barcodes?[0-9]*|bc[0-9]+|bc", r"pd|[0-9]+"),
}
_KINDS = {kind: (re.compile(words), re.compile(rf"(?:{words}|{beside})")) for kind, (words, beside) in _WORDS.items()}
# Short words that only a metal beside them makes technical.
_WITH_METAL = re.compile(r"eq[0-9]*|bc[0-9]*")

# Names without their blanks and signs, in small letters.
_WHOLE = dict.fromkeys(["eventlength", "celllength"], "event length")
_WHOLE |= dict.fromkeys(["center", "centre", "offset", "width", "residual", "amplitude"], "pulse shape")
_WHOLE["hdrt"] = "time"
_RECORDS = "filenum filenumber fileno event eventnum eventnumber eventno eventinfo beaddist bcseparationdist"
_RECORDS += " mahalanobisdist classifierbits sortresultbits roibits116 dropphase triggerpulsewidth"
_WHOLE |= dict.fromkeys(_RECORDS.split(), "record")
_WHOLE_PATTERN = {"background": re.compile(r"(?:[0-9]*bckg[0-9]*(?:d[di])?|background)")}
# Written with signs between their letters.
_SPELLINGS = [(re.compile(r"\bl\s*[/_\\|&]\s*d\b"), "ld"), (re.compile(r"\b7[\s_-]*a+d\b"), "7aad")]
_SPELLINGS += [(re.compile(r"\bto[\s_-]*pro[\s_-]*([0-9])?"), r"topro\1"), (re.compile(r"\bcis[\s_-]*pt\b"), "cispt")]
# What FCS 3.2 says of a channel ($PnTYPE).
_TYPES = {"time": "time", "forward_scatter": "scatter", "side_scatter": "scatter"}
_TYPES |= dict.fromkeys(["index", "classification", "boundary"], "record")
# Detectors of which no antibody is read, whatever $PnS says.
_OF_DETECTOR = {"time", "scatter", "event length", "pulse shape", "record"}


def kinds(channels: Sequence[str], markers: Sequence[str], keywords: Mapping[str, str]) -> list[str]:
    """Return of each channel of a file what it measures: "marker", or which kind of technical channel it is.

    Parameters
    ----------
    channels, markers
        $PnN and $PnS of each; $PnS counts where it says something else than a mass.
    keywords
        In lower case, without "$": $PnTYPE of FCS 3.2.
    """
    return [
        _TYPES.get(keywords.get(f"p{number}type", "").strip().lower(), "") or kind(channel, marker)
        for number, (channel, marker) in enumerate(zip(channels, markers, strict=True), start=1)
    ]


def kind(channel: str, marker: str) -> str:
    """Return what a channel measures by $PnN and $PnS."""
    of_detector = _of_name(channel, channel)
    if of_detector in _OF_DETECTOR or not marker.strip():
        return of_detector
    return _of_name(marker, channel)


def _of_name(name: str, channel: str) -> str:
    """Return what a name stands for; a metal may stand in it or in the name of the channel."""
    whole = re.sub(r"[^a-z0-9]", "", name.lower())
    if whole in _WHOLE:
        return _WHOLE[whole]
    if found := [kind for kind, pattern in _WHOLE_PATTERN.items() if pattern.fullmatch(whole)]:
        return found[0]
    metal, rest = _without_metal(name)
    metal = metal or _without_metal(channel)[0]
    if metal == "Ir":  # Iridium is bound to nothing but the intercalator.
        return _BY_METAL[metal]
    text = rest.lower()
    for spelling, word in _SPELLINGS:
        text = spelling.sub(word, text)
    words = [word for word in re.split(r"[^a-z0-9]+", text) if word]
    if not words:
        return _BY_METAL.get(metal, MARKER)
    for kind, (telling, allowed) in _KINDS.items():
        tells = any(telling.fullmatch(word) and (metal or not _WITH_METAL.fullmatch(word)) for word in words)
        if tells and all(allowed.fullmatch(word) for word in words):
            return kind
    return MARKER


def _without_metal(name: str) -> tuple[str, str]:
    """Return the metal in a name, "" for none, and the rest of the name."""
    for found in _ISOTOPE.finditer(name.replace("_", " ")):
        metal = found["metal"] or found["metal2"]
        mass = int(found["mass"] or found["mass2"])
        if metal in _METALS.split() and mass >= 80:
            return metal, f"{name[: found.start()]} {name[found.end() :]}"
    return "", name
