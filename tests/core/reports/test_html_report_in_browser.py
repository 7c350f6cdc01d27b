"""report.html as a person opens it: from a file, in Debian's Chromium."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import new_page
from flood_products import BAD, small_edition, small_layers, small_record

from tasks.core.reports.html_report import html_report

pytestmark = pytest.mark.slow
HOSTILE = "</script><script>document.title='no'</script><img src=x onerror=\"document.title='no'\">.jp2"
BLUE_AND_MORE = """() => {
  const canvas = document.querySelector('#map canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let blue = 0;
  for (let i = 0; i < data.length; i += 4) blue += data[i + 3] > 0 && data[i + 2] > data[i] + 60;
  return blue;
}"""
ZOOM = "() => window.floodExtentMap.getZoom()"


@pytest.fixture(scope="module")
def browser_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page, with what the browser asked for and complained of."""
    path = tmp_path_factory.mktemp("product") / "report.html"
    layers = small_layers(error=HOSTILE)
    path.write_bytes(html_report(small_record(layers, error=HOSTILE), layers, small_edition(name=HOSTILE)))
    with new_page() as page:
        page.set_default_timeout(20_000)
        page.seen = []
        page.on("request", lambda request: page.seen.append(request.url))
        page.on("console", lambda message: page.seen.append(message.text))
        page.on("pageerror", lambda error: page.seen.append(str(error)))
        page.address = path.as_uri()
        page.goto(page.address)
        page.wait_for_selector("#map[data-ready]")
        yield page


@pytest.fixture
def report(browser_page: Any) -> Any:
    """The page as it opens."""
    browser_page.seen.clear()
    browser_page.goto(browser_page.address)
    browser_page.wait_for_selector("#map[data-ready]")
    return browser_page


def test_it_asks_for_nothing(report: Any) -> None:
    """The file itself is all that the browser reads; the policy lets the page's own script run, and no other."""
    assert report.seen == [report.address]
    assert report.title().startswith("Flood extent: ")


def test_a_layer_can_be_switched_off(report: Any) -> None:
    """Without the flood the map has less blue; switched on again, it is as it was."""
    report.wait_for_timeout(200)
    before = report.evaluate(BLUE_AND_MORE)
    box = report.get_by_label("Flood extent")
    box.uncheck()
    report.wait_for_timeout(200)
    assert report.evaluate(BLUE_AND_MORE) < before / 10
    box.check()
    report.wait_for_timeout(200)
    assert report.evaluate(BLUE_AND_MORE) == before


def test_the_tiles_can_be_sorted_and_filtered(report: Any) -> None:
    """By the keyboard, too: a head sorts upwards, then downwards, unknown figures last; a state hides the others."""
    rows = report.locator("#tile-table tbody tr")
    assert rows.first.inner_text().startswith(BAD)
    head = report.locator("#tile-table thead th", has_text="flooded, ha")
    head.locator("button").focus()
    report.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [row.split("\t")[0] for row in rows.all_inner_texts()] == ["a.jp2", "b.jp2", BAD]
    report.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [row.split("\t")[0] for row in rows.all_inner_texts()] == ["b.jp2", "a.jp2", BAD]
    report.get_by_label("State").select_option("failed")
    assert report.locator("#tile-table tbody tr:visible").count() == 1
    assert report.get_by_text("1 of 3 rows").is_visible()


def test_a_click_on_a_failed_tile_goes_there(report: Any) -> None:
    """The map comes into view, nearer, and says what was wrong, as text."""
    before = report.evaluate(ZOOM)
    report.locator("#tile-table").get_by_role("link", name=BAD).click()
    assert report.evaluate(ZOOM) > before
    popup = report.locator(".leaflet-popup-content")
    assert BAD in popup.inner_text()
    assert "</script>" in popup.inner_text()


def test_a_click_on_the_map_asks_what_is_there(report: Any) -> None:
    """Flood says its columns with their units; the cursor has coordinates in the CRS and in degrees."""
    place = report.locator("#map")
    box = place.bounding_box()
    corner = report.evaluate(
        "() => { const p = window.floodExtentMap.latLngToContainerPoint([50, 25]); return [p.x, p.y]; }"
    )
    report.mouse.click(box["x"] + corner[0], box["y"] + corner[1])
    assert "area, m²" in report.locator(".leaflet-popup-content").inner_text()
    shown = report.locator("#position").inner_text()
    assert "x 500025" in shown
    assert "latitude -36.14" in shown


def test_it_reads_without_scripts(report: Any) -> None:
    """Tables, figures and legend are plain HTML, and a sentence says where the map is."""
    context = report.context.browser.new_context(java_script_enabled=False)
    try:
        plain = context.new_page()
        plain.goto(report.address)
        assert plain.locator("#tile-table tbody tr").count() == 3
        assert plain.get_by_text("overview.png beside this page").is_visible()
    finally:
        context.close()
