"""What following operations costs, beside other ways to do it: `python -m tests.benchmarks` (README.md)."""

import sys
from pathlib import Path

# The helpers of the tests are found here too.
sys.path.append(str(Path(__file__).parents[1]))
