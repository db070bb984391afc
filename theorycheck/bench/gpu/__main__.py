"""``python -m theorycheck.bench.gpu CHECK DEVICE FILE``: one check, for `report.outcome`."""

import sys
from pathlib import Path

import torch

from theorycheck.bench.gpu.report import write_findings

if __name__ == "__main__":
    _, check, device, path = sys.argv
    write_findings(check, torch.device(device), Path(path))
