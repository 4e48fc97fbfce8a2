"""Metrics of facies fields (integer codes in) and of translated pictures (images in); plain numbers out."""

from geogan.metrics.statistics import Statistics, statistics
from geogan.metrics.summary import by_facies, summary

__all__ = ["Statistics", "by_facies", "statistics", "summary"]
