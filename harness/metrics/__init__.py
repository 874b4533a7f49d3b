"""Metrics: what each is (`base`), the constants of a protocol (`protocol`), and scoring of image pairs (`scoring`).

Importing this package, `base`, `protocol` or `scoring` imports neither torch nor pandas.
"""

from harness.metrics.base import EXTRACTORS, METRICS, MetricInfo, SetValue

__all__ = ["EXTRACTORS", "METRICS", "MetricInfo", "SetValue"]
