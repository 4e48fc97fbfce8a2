"""Geostatistical metrics of facies fields: integer codes in, plain numbers out (numpy and scipy alone)."""

from geogan.metrics.statistics import Statistics, statistics
from geogan.metrics.summary import by_facies, summary

__all__ = ["Statistics", "by_facies", "statistics", "summary"]
