"""A page in a browser without a window: what it draws, and what its scripts say."""

import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for name in NAMES if (path := shutil.which(name))), None)
NEEDED = f"needs one of {', '.join(NAMES)}"
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no network
    "--enable-logging=stderr",
    "--virtual-time-budget=8000",
    "--window-size=1200,3000",
)


def open_page(page: Path, profile: Path, *options: str) -> tuple[str, list[str]]:
    """Return the page's elements after its scripts ran, and what they wrote to the console."""
    command = [
        str(BROWSER),
        *QUIET,
        *options,
        f"--user-data-dir={profile}",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def with_script(page: str, path: Path, script: str) -> Path:
    """Write a page in which a script runs as soon as the charts are drawn; return its path."""
    later = f"""<script>
      const waiting = setInterval(() => {{
        if (!document.querySelector(".js-plotly-plot")) return;
        clearInterval(waiting);
        {script}
      }}, 50);
    </script></body>"""
    path.write_text(page.replace("</body>", later))
    return path


def told_by(page: Path, profile: Path, *options: str) -> str:
    """Return what a script wrote into the page's `data-told`."""
    elements, console = open_page(page, profile, *options)
    assert console == []
    return told_in(elements)


def told_in(elements: str) -> str:
    """Return what a script wrote into the `data-told` of a page with these elements."""
    found = re.search(r'data-told="([^"]*)"', elements)
    assert found
    return unescape(found[1])


def in_frame(page: Path, outside: Path, width: int) -> Path:
    """Write a page that shows another in a frame, whose message becomes its `data-told`.

    A window of the browser cannot be as narrow as a phone, but a frame can.
    """
    outside.write_text(f"""<body><script>
      addEventListener("message", ({{ data }}) => document.body.setAttribute("data-told", data));
    </script><iframe src="{page.name}" style="width: {width}px; height: 900px; border: 0"></iframe>
    """)
    return outside
