"""Letters of any script are drawn by a font that has them; what no font has is counted, and never a row of boxes."""

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from modeling_supreme.leads import STANDARD_LEADS
from modeling_supreme.plotting import fonts, plot_strip


LABEL = "\u5fc3\u623f AF"  # "atrium" in Chinese


def make_font(path, letters):
    """A font of square glyphs."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (700, 700), (700, 0)):
        pen.lineTo(corner)
    pen.closePath()
    names = [".notdef", *(f"uni{ord(letter):04X}" for letter in letters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): f"uni{ord(letter):04X}" for letter in letters})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Noto Sans Invented", "styleName": "Regular"})
    builder.setupOS2(usWeightClass=400)
    builder.setupPost()
    builder.save(path)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine without other fonts than those of matplotlib; returns what installs one that has some letters."""
    own = [font for font in font_manager.fontManager.ttflist if font.name == fonts.USUAL]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)

    def install(letters):
        make_font(tmp_path / "invented.ttf", letters)
        font_manager.fontManager.addfont(tmp_path / "invented.ttf")
        forget()

    def forget():
        fonts._list_fonts.cache_clear()
        fonts.find_families.cache_clear()

    forget()
    yield install
    forget()


def draw(label, path=None):
    return plot_strip(
        np.zeros((12, 5000)),
        sampling_rate=500,
        leads=STANDARD_LEADS,
        scores=[{"label": label, "score": 0.5}],
        path=path,
    )


def find_texts(figure):
    return {text.get_text(): text.get_fontfamily() for text in figure.axes[0].texts}


def test_a_font_that_has_the_letters_draws_them(machine, tmp_path):
    machine("\u5fc3\u623f")

    texts = find_texts(draw(LABEL, tmp_path / "sheet.png"))  # a missing glyph would be a warning, and so an error

    assert texts[LABEL] == ["DejaVu Sans", "Noto Sans Invented"]


@pytest.mark.usefixtures("machine")
def test_letters_without_a_font_are_counted_and_told(tmp_path, caplog):
    texts = find_texts(draw(LABEL, tmp_path / "sheet.png"))

    assert "(2 letters without a font) AF" in texts
    assert "\u5fc3\u623f" in caplog.text
    assert "Install one, such as Noto Sans" in caplog.text


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("label", ["Vorhofflimmern, \u00fcbel", "\u043c\u0435\u0440\u0446\u0430\u043d\u0438\u0435"])
def test_letters_of_the_usual_font_stay_as_they_are(label):
    assert find_texts(draw(label))[label] == ["sans-serif"]


def test_fonts_whose_every_glyph_is_a_box_do_not_count():
    assert not [name for name, _ in fonts._list_fonts() if name.startswith("Last Resort")]
