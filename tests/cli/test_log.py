"""Messages of the package are shown as they are."""

from __future__ import annotations

import argparse
import io

import pytest

from scgsr._checks import log
from scgsr.cli._log import show_log


@pytest.mark.parametrize(
    ("quiet", "shown"), [(False, "  `layer`='a' %s\n  warning: few cells\n"), (True, "  warning: few cells\n")]
)
def test_warnings_are_marked_and_the_rest_is_silent_if_asked_for(quiet, shown):
    stream = io.StringIO()
    show_log(stream, argparse.Namespace(quiet=quiet, layer="a"))
    log.debug("never")
    log.info("`layer`='a' %s", "%s")
    log.warning("few %s", "cells")
    assert stream.getvalue() == shown


def test_a_command_without_quiet_shows_all():
    stream = io.StringIO()
    show_log(stream, argparse.Namespace())
    log.info("training")
    assert stream.getvalue() == "  training\n"
