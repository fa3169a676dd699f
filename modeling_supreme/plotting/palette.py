"""The colours of all plots and pages; in the style of a page, `BLUE_TINT` is `var(--blue-tint)`."""

INK = "#1d2733"  # text and traces
MUTED = "#66717d"  # what explains, and what was not recorded
GRID = "#e9ecef"  # lines and areas behind data
AXIS = "#c9d0d6"
EDGE = "#e1e6ea"  # of boxes
GROUND = "#f4f6f8"  # behind boxes
SURFACE = "#ffffff"  # of boxes

BLUE = "#31587a"  # what a plot is about: present, training, a model's score
PALE_BLUE = "#b9c6d2"  # its spread
ORANGE = "#d08c3f"  # what it is compared with: uncertain, validation, simulated
GREEN = "#7a9a5b"
RED = "#b5483a"  # what is wrong
GREY = "#9aa4ad"  # absent or missing

BLUE_TINT, BLUE_SHADE = "#e3ecf4", "#1f3f5c"  # ground and text of a label in blue
ORANGE_TINT, ORANGE_SHADE = "#fbf0e0", "#7a4d14"
GREY_TINT, GREY_SHADE = "#f0f1f3", "#5a646e"

PAPER, FINE_LINE, COARSE_LINE = "#fff8f6", "#f8d3cc", "#eda79b"  # millimetre paper, every 1 mm and every 5 mm
