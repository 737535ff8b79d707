"""Every bench, one after the other: `python -m bench`."""

import subprocess
import sys

NAMES = (
    "pipeline",
    "quality",
    "ingestion",
    "features",
    "training",
    "compiled",
    "serving",
    "cold_start",
    "monitoring",
)

if __name__ == "__main__":
    missed = False
    for name in NAMES:
        print(f"--- {name}", flush=True)
        missed |= (
            subprocess.run([sys.executable, "-m", f"bench.{name}", "--check"], check=False).returncode != 0
        )
    sys.exit(missed)
