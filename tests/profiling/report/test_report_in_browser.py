import re
import shutil
import subprocess
from pathlib import Path

import pytest

from profiling.analysis.curves import build_curves
from profiling.report.palette import Styles
from tests.samples.run import (
    COSTS,
    report_of,
    sample_report,
    sample_rows,
    sample_tipping_points,
)
from tests.samples.sentinels import readings_of

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((path for name in NAMES if (path := shutil.which(name))), None)
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
pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"needs one of {', '.join(NAMES)}")


def open_page(page: Path, profile: Path) -> tuple[str, list[str]]:
    """Return the page's elements after its scripts ran, and what they wrote to the console."""
    command = [str(BROWSER), *QUIET, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def with_script(report: Path, page: Path, script: str) -> Path:
    """Write a copy of a report in which a script runs as soon as the charts are drawn."""
    later = f"""<script>
      const waiting = setInterval(() => {{
        if (!document.querySelector(".js-plotly-plot")) return;
        clearInterval(waiting);
        {script}
      }}, 50);
    </script></body>"""
    page.write_text(report.read_text().replace("</body>", later))
    return page


def labels_in(section: str) -> set[str]:
    texts = re.findall(r'<g class="textpoint".*?</g>', section, re.DOTALL)
    return {re.sub(r"<[^>]*>|\s", "", text) for text in texts} - {"oom", ""}


def drawn_rows(comparison: str) -> list[dict]:
    return [
        row
        for row in sample_tipping_points()
        if (row["modality"], row["comparison"]) == ("text", comparison)
        and row["verdict"] in {"crosses", "several"}
    ]


def label(row: dict) -> str:
    return f"{row['tipping_point']:,.0f}"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    return open_page(sample_report() / "report.html", tmp_path_factory.mktemp("profile"))


def sections_of(elements: str) -> list[str]:
    parts = elements.split('<section class="modality"')[1:]
    return [part.split("</section>")[0] for part in parts]


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[start : start + 2], 16)) for start in (1, 3, 5))})"


def curves_in(section: str) -> list[str]:
    return re.findall(r'<path class="js-line"[^>]*>', section)


def test_the_page_draws_every_variant_without_network_or_console_errors(
    opened: tuple[str, list[str]],
) -> None:
    elements, console = opened
    assert console == []
    styles = Styles.of(build_curves(sample_rows()), sample_tipping_points()).contenders
    sections = sections_of(elements)
    assert len(sections) == 3
    for section, contenders in zip(sections, COSTS.values(), strict=True):
        assert section.count("js-plotly-plot") == 6  # three metrics, two phases
        for chart in section.split("js-plotly-plot")[1:]:
            curves = curves_in(chart)
            assert len(curves) >= len(contenders)
            for contender, style in styles.items():
                if contender.variant in {name for name, _, _ in contenders}:
                    assert any(rgb(style.colour) in curve for curve in curves), contender.label


def test_the_page_draws_the_readings_of_the_sentinel_with_a_gap(tmp_path: Path) -> None:
    rows = [row for row in sample_rows() if row["modality"] == "vision"]
    readings = readings_of([4.0, 4.1, 4.2, 4.1], disturbed={2}, minutes=[0, 1, 300, 301])
    page = report_of(tmp_path, rows, sample_tipping_points(rows), {}, readings)
    elements, console = open_page(page, tmp_path / "profile")
    assert console == []
    section = elements.split('<section id="steadiness"')[1].split("</section>")[0]
    assert section.count("js-plotly-plot") == 1
    assert len(curves_in(section)) == 2  # before the gap and after it
    assert len(re.findall(r'<path class="point', section)) == len(readings)


def test_the_browser_tells_of_errors_when_there_are_any(tmp_path: Path) -> None:
    page = tmp_path / "broken.html"
    page.write_text("<script>missing()</script><script src='https://example.org/x.js'></script>")
    _, console = open_page(page, tmp_path / "profile")
    assert any("missing is not defined" in line for line in console)


def test_buttons_hide_curves_and_the_selector_changes_the_comparison(
    opened: tuple[str, list[str]], tmp_path: Path
) -> None:
    click = """
      document.querySelector('.chip[data-contender="bert sdpa"]').click();
      const choice = document.querySelector("select.comparison");
      choice.value = "like_for_like";
      choice.dispatchEvent(new Event("change", { bubbles: true }));
    """
    page = with_script(sample_report() / "report.html", tmp_path / "clicked.html", click)
    after, console = open_page(page, tmp_path / "profile")
    assert console == []
    first, second = sections_of(opened[0])[0], sections_of(after)[0]
    vanilla = rgb("#3d3d3d")
    dark = [sum(vanilla in curve for curve in curves_in(part)) for part in (first, second)]
    assert dark == [12, 6]  # eager and sdpa in six charts, then eager alone
    for part, comparison in ((first, "best_vs_best"), (second, "like_for_like")):
        assert labels_in(part) == {label(row) for row in drawn_rows(comparison)}
