"""The page on a phone: nothing goes past its edge, however long names are."""

import json
from pathlib import Path

import pytest

from tests.samples.browser import BROWSER, NEEDED, in_frame, told_by, with_script
from tests.samples.rows.components import with_components
from tests.samples.rows.run import page_of, sample_manifest, sample_rows, sample_tipping_points

pytestmark = pytest.mark.skipif(BROWSER is None, reason=NEEDED)

PHONE = 390
LONG = "w" * 60
# Tables may be wider, since they scroll by themselves.
MEASURED = """
  const texts = document.querySelectorAll("figcaption, .chip, .told li, .caution, h2, h4");
  const wide = [...texts].filter((text) => text.scrollWidth > text.clientWidth);
  const needed = document.documentElement.scrollWidth;
  const told = [innerWidth, needed, wide.map((text) => text.textContent)];
  parent.postMessage(JSON.stringify(told), "*");
"""


def test_nothing_is_wider_than_a_phone_however_long_a_name_is(tmp_path: Path) -> None:
    rows = [
        row | ({"checkpoint": LONG} if row["variant"] == "swin" else {})
        for row in with_components(sample_rows())
    ]
    text = page_of(rows, sample_tipping_points(rows), sample_manifest())
    assert LONG in text
    page = with_script(text, tmp_path / "page.html", MEASURED)
    outside = in_frame(page, tmp_path / "outside.html", PHONE)
    width, needed, wide = json.loads(told_by(outside, tmp_path / "profile"))
    assert wide == []
    assert needed <= width == PHONE
