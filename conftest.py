"""Imports the package whole, before pytest imports one module of it alone for its doctests."""

import cnnlite.models  # noqa: F401
