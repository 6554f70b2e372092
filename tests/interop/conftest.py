"""Servers that aren't ours, for the tests of this folder."""

from __future__ import annotations

import pytest

from tests.interop.net import Net, free_net


@pytest.fixture
def net() -> Net:
    """A loopback network that no other test run uses."""
    return free_net()
