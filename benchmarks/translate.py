"""``geogan translate`` against the bare network on the same windows; with ``--large`` its memory on a large scene."""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from geogan.datasets.city import City  # noqa: F401  (replaced below)
