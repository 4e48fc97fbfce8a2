"""Raster and vector files: read window by window as layers, brought onto one grid, written as COG."""
