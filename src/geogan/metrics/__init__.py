"""Geostatistical metrics of facies fields: integer codes in, plain numbers out (numpy and scipy alone)."""

from geogan.metrics.statistics import Statistics, statistics
from geogan.metrics.summary import summary

__all__ = ["Statistics", "statistics", "summary"]
