"""The demo's server is stopped by the number in a file, and no other process that has the number by now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fhirstore.demo import Demo


def test_a_number_from_before_stops_nobody(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (tmp_path / "serve.pid").write_text(str(other.pid))
        assert not Demo(tmp_path, print).stop()
        assert other.poll() is None
        assert not (tmp_path / "serve.pid").exists()
    finally:
        other.kill()
        other.wait()
