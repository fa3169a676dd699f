"""Names of the files and columns of MIMIC-IV-ECG (Gow et al. 2023), and what its carts write in them."""

RECORDS_FILENAME = "record_list.csv"
MEASUREMENTS_FILENAME = "machine_measurements.csv"

# Columns that are taken over as they are: how the cart was set, intervals in ms, axes in degrees.
SETTINGS = ("cart_id", "bandwidth", "filtering")
INTERVALS = ("rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end")
AXES = ("p_axis", "qrs_axis", "t_axis")
FIGURES = (*INTERVALS, *AXES)
# What carts write in place of a figure: 29999, and the ends of 16-bit numbers. No interval or axis is that large.
NOT_MEASURED = (29999, 32767, -32768, 65535, 65534, 61440)

RECORD_COLUMNS = ("subject_id", "study_id", "ecg_time", "path")
MEASUREMENT_COLUMNS = ("subject_id", "study_id", "report_0", *SETTINGS, *FIGURES)
