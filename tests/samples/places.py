from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
SHARED_DATA = ROOT.parent / "shared" / "data"  # real data; tests of them skip where there are none
