# SPDX-License-Identifier: GPL-2.0
"""A program, which has no suffix, as a module for its tests; how to start one; zcrxmon's source."""

import importlib.machinery
import importlib.util
import os
import pathlib
import signal
import sys
import unittest

HARNESS = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("ZCRX_BUILD", HARNESS.parent / "build"))
# With all series: a later one changes what an earlier one brings.
ZCRXMON = BUILD / "linux/tools/net/zcrxmon"


def need_zcrxmon():
    if not ZCRXMON.is_dir():
        raise unittest.SkipTest(f"no {ZCRXMON}; make assemble")


def load(path):
    """path is relative to harness/"""
    loader = importlib.machinery.SourceFileLoader(path.replace("/", "_"), str(HARNESS / path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    keep = sys.dont_write_bytecode, list(sys.path)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str((HARNESS / path).parent))
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode, sys.path[:] = keep
    return module


def as_from_a_terminal():
    """A background job of a shell ignores interrupts, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
