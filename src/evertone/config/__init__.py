"""What the phone is told: the file format, the schema, typed settings, the check.

``load(paths).settings`` is all that most callers need.
"""

from evertone.config.load import Loaded, inspect_texts, load, load_texts

__all__ = ["Loaded", "inspect_texts", "load", "load_texts"]
