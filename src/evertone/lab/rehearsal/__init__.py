"""Rehearsals: a user's own settings in a lab that fits them.

:mod:`play` runs one (``rehearse``), :mod:`site` invents the servers that the settings speak of,
:mod:`zones` their names, :mod:`strikes` and :mod:`calls` say what happens, :mod:`report` what
came of it.
"""
