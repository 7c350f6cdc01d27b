"""How each layer looks on the map, and what the legend calls it."""

from dataclasses import dataclass

from tasks.core.overview.canvas import BLANK, Style
from tasks.core.overview.place_marks import MARK


@dataclass(frozen=True, slots=True)
class Sign:
    """A legend's entry: what it is called, and how it is painted; with a number it is a numbered disc."""

    label: str
    style: Style
    number: str = ""


# BGR. In near infrared, red, green as red, green, blue vegetation is red, soil grey to greenish, water black: a yellow
# line stands out on each, and a blue tint lights up black water only.
FLOOD = Style(fill=(255, 150, 20), share=0.45, line=(0, 240, 255), line_mm=0.2)
NORMAL_WATER = Style(fill=(140, 60, 10), share=0.6, line=(235, 205, 140), line_mm=0.2)
TRACE = Style(fill=(40, 140, 240), share=0.5, line=(20, 100, 215), line_mm=0.2)
EXCLUDED = Style(fill=(150, 150, 150), share=0.75, line=(255, 255, 255), line_mm=0.2)
NOT_ASSESSED = Style(fill=(215, 205, 220), share=0.5, hatch=(170, 0, 200))
AREA_OF_INTEREST = Style(line=(35, 25, 25), line_mm=0.5, casing=(255, 255, 255))
TILES = Style(line=(255, 255, 255), line_mm=0.15)
TILES_SHARE = 0.45
EXPOSED_FLOODED = Style(fill=(30, 30, 225), share=0.8, line=(30, 30, 225), line_mm=0.35)
EXPOSED_UNKNOWN = Style(fill=(170, 0, 200), share=0.8, line=(170, 0, 200), line_mm=0.35)
EXPOSED_DRY = Style(fill=(90, 90, 90), share=0.5, line=(235, 235, 235), line_mm=0.2)
PLACES = Style(line=MARK, line_mm=0.35)

# Painted in this order, what is flooded last.
AREAS = {
    "excluded": Sign("Nothing is called flood here: excluded", EXCLUDED),
    "normal_water": Sign("Normal water", NORMAL_WATER),
    "flood_trace": Sign("Flood trace: normally water, dry now", TRACE),
    "flood_extent": Sign("Flood", FLOOD),
}
WITH_PERMANENT = Sign("Flood, permanent water included", FLOOD)
LOST = Sign("Not assessed: nobody knows", NOT_ASSESSED)
UNSEEN = Sign("Not looked at", Style(fill=BLANK))
INTEREST = Sign("Area of interest", AREA_OF_INTEREST)
CHECKED = Sign("Places to check first, in order", PLACES, "1")
EXPOSED = {
    "dry": Sign("Exposure, not flooded", EXPOSED_DRY),
    "unknown": Sign("Exposure, not assessed", EXPOSED_UNKNOWN),
    "flooded": Sign("Exposure, flooded", EXPOSED_FLOODED),
}
