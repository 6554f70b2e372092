"""Rehearsals: a user's own settings in a lab that fits them.

:mod:`play` runs one (``rehearse``), :mod:`site` invents the servers that the settings speak of,
:mod:`zones` their names; :mod:`strikes` and :mod:`calls` say what is to happen.
:mod:`outgoing` makes the phone's calls, :mod:`incoming` those that it gets, and :mod:`watch` looks
on. :mod:`tally` and :mod:`ledger` keep what was seen, :mod:`lines` draws from it when each line
could be called, and :mod:`report` is what came of it all.
"""
