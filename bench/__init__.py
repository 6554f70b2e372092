"""Measurements: each ``bench_*`` module has ``run() -> list[Row]``; see ``bench.rows``."""
