"""A scene of any size through a translator: windows, blended strips, finished rows, seams."""
