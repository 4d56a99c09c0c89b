"""Make `parts` importable by the tests beside it, and keep torch's thread count the same for each of them."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)
