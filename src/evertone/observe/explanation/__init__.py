"""What a configuration means, measured: :mod:`explain` puts it together, :mod:`faults` strikes,
:mod:`figures` reads what came of it, :mod:`advice` tries what would be better, :mod:`text` says it.
"""
