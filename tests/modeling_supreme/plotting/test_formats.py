"""One geometry in every format of files: grid and traces lie where the voltages say, as pixels and as paths."""

import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread
from scipy.signal import find_peaks

from modeling_supreme.plotting import plot_strip
from modeling_supreme.plotting.palette import INK


MM_PER_INCH, POINTS_PER_INCH, DOTS_PER_INCH = 25.4, 72, 150
PX_PER_MM = DOTS_PER_INCH / MM_PER_INCH
LEFT, PULSE_ROOM, BASELINE_MM = 16, 15, 9 + 30  # of the only row, from the bottom of the page
SPIKE_S, SPIKE_MV = 4.0, 2.0


def draw(path):
    """One lead at 0 mV, with a triangle of 2 mV at 4.0 s; its figure, in mm."""
    strip = np.zeros((1, 5000))
    strip[0, 1950:2051] = SPIKE_MV * (1 - np.abs(np.arange(-50, 51)) / 50)
    figure = plot_strip(strip, sampling_rate=500, leads=["II"], layout="1x1", path=path)
    return figure.get_size_inches() * MM_PER_INCH


def to_rgb(colour):
    return np.array(mpl.colors.to_rgb(colour))


def read_png(path, size_mm):
    """The tip of the triangle and the ends of the trace, in mm from the lower left."""
    image = imread(path)[:, :, :3]
    is_ink = np.abs(image - to_rgb(INK)).max(axis=2) < 0.25
    first = round((LEFT + PULSE_ROOM + 20) * PX_PER_MM)  # right of the name of the lead
    rows, columns = np.nonzero(is_ink[: -round(9 * PX_PER_MM), first:])
    tip = rows.argmin()
    place = (columns[rows == rows[tip]].mean() + first + 0.5) / PX_PER_MM
    return place, size_mm[1] - (rows[tip] + 0.5) / PX_PER_MM, (columns.max() + first + 1) / PX_PER_MM


def read_svg(path, size_mm):
    root = ElementTree.parse(path)
    (group,) = (each for each in root.iter() if each.get("id") == "trace II")
    (drawn,) = (each for each in group.iter() if each.tag.endswith("path"))
    points = np.array(re.findall(r"[ML] (-?[\d.]+) (-?[\d.]+)", drawn.get("d")), float) * MM_PER_INCH / POINTS_PER_INCH
    return points[points[:, 1].argmin(), 0], size_mm[1] - points[:, 1].min(), points[:, 0].max()


def read_pdf(path, size_mm):
    text = path.read_bytes().decode("latin-1")
    paths = [re.findall(r"(-?[\d.]+) (-?[\d.]+) [ml]\n", part) for part in text.split("\nS\n")]
    paths = [np.array(found, float) * MM_PER_INCH / POINTS_PER_INCH for found in paths if len(found) > 2]
    (points,) = (found for found in paths if 240 < np.ptp(found[:, 0]) < 260)
    return points[points[:, 1].argmax(), 0], points[:, 1].max(), points[:, 0].max()


@pytest.fixture(autouse=True)
def _readable_pdf():
    """PDF whose paths are not compressed."""
    with mpl.rc_context({"pdf.compression": 0}):
        yield


READERS = {".png": read_png, ".svg": read_svg, ".pdf": read_pdf}


@pytest.mark.parametrize("suffix", READERS)
def test_a_voltage_lies_where_its_time_and_height_say(tmp_path, suffix):
    path = tmp_path / f"sheet{suffix}"

    place, height, end = READERS[suffix](path, draw(path))

    tolerance = 1.5 / PX_PER_MM if suffix == ".png" else 0.1
    assert place == pytest.approx(LEFT + PULSE_ROOM + SPIKE_S * 25, abs=tolerance)
    assert height == pytest.approx(BASELINE_MM + SPIKE_MV * 10, abs=tolerance)
    assert end == pytest.approx(LEFT + PULSE_ROOM + 4999 / 500 * 25, abs=tolerance)


def test_coarse_lines_are_five_millimetres_apart_in_pixels(tmp_path):
    draw(tmp_path / "sheet.png")
    greens = imread(tmp_path / "sheet.png")[:, :, 1]  # of which lines have less than paper
    (first, last), (bottom, top) = (LEFT + 2, LEFT + 263), (9 + 2, 9 + 58)
    rows, columns = ((round(low * PX_PER_MM), round(high * PX_PER_MM)) for low, high in ((bottom, top), (first, last)))
    part = greens[::-1][slice(*rows), slice(*columns)]

    for axis in (0, 1):
        profile = 1 - np.median(part, axis=axis)
        lines, _ = find_peaks(profile, height=(0.2, 0.5))  # fine lines have less, and the trace more
        steps = np.diff(lines)
        assert len(lines) in ((52,), (10, 11))[axis]  # the trace lies on one of those that cross it
        whole = steps / (5 * PX_PER_MM)
        assert np.abs(lines - lines[0] - 5 * PX_PER_MM * np.cumsum(np.insert(whole.round(), 0, 0))).max() <= 1.5


@pytest.mark.parametrize("suffix", [".svg", ".pdf"])
def test_a_page_of_paths_has_the_size_of_the_figure(tmp_path, suffix):
    path = tmp_path / f"sheet{suffix}"

    size_mm = draw(path)

    text = path.read_bytes().decode("latin-1")
    pattern = r'viewBox="0 0 ([\d.]+) ([\d.]+)"' if suffix == ".svg" else r"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+)"
    found = np.array(re.search(pattern, text).groups(), float) * MM_PER_INCH / POINTS_PER_INCH
    np.testing.assert_allclose(found, size_mm, atol=0.01)
