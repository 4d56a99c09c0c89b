"""Let the tests in this folder import `as_introvae_cases`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
