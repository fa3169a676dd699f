"""How often things occur and how large they are: every number of the simulated population that is not anatomy.

Unless an entry names another source, the numbers come from the feasibility study of this corpus: drawn up from
textbook criteria, then adjusted by eye to class-mean beats of PTB-XL (the mean axis, the T axis and lead V1 have seen
that population, its test folds included). A model trained on this corpus alone is therefore zero-shot in labels and
weights, not in the population's averages. Findings are far more common than in any clinic, on purpose: a corpus of a
few thousand records must show each of them.
"""

from typing import NamedTuple


class Normal(NamedTuple):
    """A normal distribution of which only what lies between two limits is used, in the unit its constant names."""

    mean: float
    sd: float
    low: float
    high: float


class Range(NamedTuple):
    """A uniform distribution, in the unit its constant names."""

    low: float
    high: float


# Who is recorded.
HEALTHY_PROBABILITY = 0.30
FEMALE_PROBABILITY = 0.48  # PTB-XL: 48 % female (Wagner et al. 2020, Sci Data 7:154)
HEALTHY_AGE_YEARS = Normal(47, 17, 18, 90)
PATIENT_AGE_YEARS = Normal(65, 14, 18, 95)
RECORDS_PER_PATIENT = 2

# What they have: weights, not percentages.
RHYTHM_WEIGHTS = {
    "sinus rhythm": 0.42,
    "sinus bradycardia": 0.08,
    "sinus tachycardia": 0.10,
    "sinus arrhythmia": 0.07,
    "atrial fibrillation": 0.12,
    "atrial flutter": 0.06,
    "supraventricular tachycardia": 0.03,
    "paced rhythm": 0.05,
    "second degree av block": 0.03,
    "complete av block": 0.04,
}
HEALTHY_RHYTHM_WEIGHTS = {
    "sinus rhythm": 0.72,
    "sinus bradycardia": 0.11,
    "sinus tachycardia": 0.06,
    "sinus arrhythmia": 0.11,
}
CONDUCTION_WEIGHTS = {
    "normal conduction": 0.35,
    "left bundle branch block": 0.07,
    "incomplete left bundle branch block": 0.02,
    "right bundle branch block": 0.07,
    "incomplete right bundle branch block": 0.05,
    "left anterior fascicular block": 0.07,
    "left posterior fascicular block": 0.03,
    "bifascicular block": 0.02,
    "intraventricular conduction delay": 0.04,
    "wolff-parkinson-white pattern": 0.03,
}
HYPERTROPHY_WEIGHTS = {"none": 0.85, "left ventricular hypertrophy": 0.11, "right ventricular hypertrophy": 0.04}
REPOLARIZATION_WEIGHTS = {
    "normal repolarization": 0.32,
    "infarction": 0.26,
    "acute infarction": 0.10,
    "ischemia": 0.16,
    "nonspecific st change": 0.04,
    "nonspecific t change": 0.06,
    "prolonged qt interval": 0.03,
    "early repolarization": 0.03,
    "digitalis effect": 0.02,
}
INFARCT_TERRITORY_WEIGHTS = {
    "anterior": 0.30,
    "anteroseptal": 0.17,
    "inferior": 0.34,
    "lateral": 0.12,
    "posterior": 0.07,
}
ISCHEMIA_TERRITORY_WEIGHTS = {"anterior": 0.44, "inferior": 0.25, "lateral": 0.31}
HEALTHY_EARLY_REPOLARIZATION_PROBABILITY = 0.08  # 1-13 % of adults (Antzelevitch et al. 2017, EP Europace 19:665)
FIRST_DEGREE_BLOCK_PROBABILITY = 0.12
LEFT_ATRIAL_PROBABILITY = 0.10
RIGHT_ATRIAL_PROBABILITY = 0.05
LOW_VOLTAGE_PROBABILITY = 0.05
ECTOPY_WEIGHTS = {
    "none": 0.765,
    "ventricular": 0.10,
    "ventricular bigeminy": 0.03,
    "ventricular trigeminy": 0.015,
    "atrial": 0.07,
    "atrial bigeminy": 0.02,
}
VENTRICULAR_REPOLARIZATION_KEPT_PROBABILITY = (
    0.2  # infarct or ischaemia read in spite of left bundle block or pre-excitation
)

# Rates, per minute.
RATE_PER_MIN = {
    "sinus rhythm": Normal(73, 12, 61.5, 97),
    "sinus arrhythmia": Normal(68, 9, 48, 92),
    "sinus bradycardia": Range(39, 58),
    "sinus tachycardia": Range(102, 150),
    "atrial fibrillation": Normal(95, 25, 45, 170),
    "supraventricular tachycardia": Range(145, 215),
    "paced rhythm": Range(60, 92),
    "second degree av block": Normal(73, 12, 56, 99),  # of the atria
    "complete av block": Normal(76, 12, 60, 99),  # of the atria
}
EARLY_REPOLARIZATION_RATE_PER_MIN = Range(62, 78)
FLUTTER_WAVE_RATE_HZ = Range(4.0, 5.6)  # 240-336 flutter waves per minute
FLUTTER_RATIO_WEIGHTS = {2: 0.40, 3: 0.15, 4: 0.25, 0: 0.20}  # 0: the ratio varies from beat to beat
FLUTTER_VARYING_RATIO_WEIGHTS = {2: 0.35, 3: 0.20, 4: 0.35, 5: 0.10}
ESCAPE_RATE_PER_MIN = Range(28, 52)
VENTRICULAR_ESCAPE_PROBABILITY = 0.5

# Intervals, milliseconds.
PR_MS = Normal(155, 19, 122, 198)
PR_SHORTENING_IN_TACHYCARDIA_MS = 15
FIRST_DEGREE_PR_MS = Range(212, 320)
FIRST_DEGREE_PR_MS_AT_FAST_RATE = Range(207, 240)
PRE_EXCITATION_PR_MS = Range(85, 118)
WENCKEBACH_PR_STEP_MS = 70
DROPPED_BEAT_PR_MS = Range(150, 220)
QTC_MS = Normal(403, 17, 365, 438)
QTC_FEMALE_EXTRA_MS = 10  # women 10-20 ms longer (Rautaharju et al. 2009, Circulation 119:e241)
PROLONGED_QTC_MS = Range(490, 565)
DIGITALIS_QTC_SHORTENING_MS = Range(10, 40)
QT_RATE_EXPONENT = 0.42  # between Bazett (1/2) and Fridericia (1/3)
QT_PER_QRS = 0.75  # ms of QT per ms of QRS beyond normal
NORMAL_QRS_MS = 92
MIN_RR_S = 0.28

# Size of things.
VOLTAGE_LOG_SD = 0.25
RESPIRATION_HZ = Range(0.18, 0.32)
RESPIRATORY_VOLTAGE_SHARE = Range(0.0, 0.10)
# Largest peak-to-peak of a QRS: what is beyond would be a hypertrophy, or not a human heart.
LIMB_VOLTAGE_LIMIT_MV = {"usual": 2.2, "large": 3.2}
CHEST_VOLTAGE_LIMIT_MV = {"usual": 4.0, "large": 5.5}
LOW_VOLTAGE_LIMB_MV = Range(0.28, 0.47)  # largest peak-to-peak in a limb lead; the criterion is under 0.5 mV

# Heart's position.
AXIS_TURN_RAD_PER_YEAR = (
    -0.011
)  # -0.6 degrees per year: 65 degrees at 20, 30 at 80; trend after Rijnbeek et al. 2014, J Electrocardiol 47:914
AXIS_REFERENCE_AGE_YEARS = 42.0
FRONTAL_TURN_SD_RAD = 0.32
HORIZONTAL_TURN_SD_RAD = 0.30
SAGITTAL_TURN_SD_RAD = 0.22
# Range that the electrical axis must fall in, degrees. Source: Surawicz et al. 2009, J Am Coll Cardiol 53:976.
AXIS_RANGE_DEG = {
    "healthy": Range(-22, 85),
    "left anterior fascicular block": Range(-80, -46),
    "bifascicular block": Range(-80, -46),
    "left posterior fascicular block": Range(96, 150),
    "left ventricular hypertrophy": Range(-28, 65),
    "right ventricular hypertrophy": Range(93, 150),
    "left axis deviation": Range(-75, -33),
    "right axis deviation": Range(93, 145),
}
AXIS_DEVIATION_PROBABILITY = {"left": 0.05, "right": 0.03}
