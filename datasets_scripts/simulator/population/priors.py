"""How often things occur and how large they are: every number of the simulated population that is not anatomy.

Unless an entry names another source, the numbers come from the feasibility study of this corpus: drawn up from
textbook criteria, then adjusted by eye to class-mean beats of PTB-XL (the mean axis, the T axis and lead V1 have seen
that population, its test folds included). A model trained on this corpus alone is therefore zero-shot in labels and
weights, not in the population's averages. Findings are far more common than in any clinic, on purpose: a corpus of a
few thousand records must show each of them. Where a cited figure and the number beside it differ, the number is our
choice.
"""

from .chance import Normal, Range


# Who is recorded.
HEALTHY_PROBABILITY = 0.33
FEMALE_PROBABILITY = 0.48  # PTB-XL: 48 % female (Wagner et al. 2020, Sci Data 7:154)
HEALTHY_AGE_YEARS = Normal(47, 17, 18, 90)
PATIENT_AGE_YEARS = Normal(65, 14, 18, 95)

# What they suffer from: probability at 65 years, and how the odds grow per decade of age. Diseases multiply the
# weights of what they cause, below.
DISEASE_PROBABILITY = {
    "hypertension": 0.45,  # Fryar et al. 2017, NCHS Data Brief 289: 63 % above 60 years; many without trace on the ECG
    "coronary disease": 0.40,  # far above the 7 % of Virani et al. 2021, Circulation 143:e254: cardiological patients
    "lung disease": 0.10,  # Adeloye et al. 2015, J Glob Health 5:020415: 11.7 % of those from 30 years
}
DISEASE_LOG_ODDS_PER_DECADE = {"hypertension": 0.35, "coronary disease": 0.30, "lung disease": 0.25}
MALE_DISEASE_LOG_ODDS = {"hypertension": 0.0, "coronary disease": 0.5, "lung disease": 0.2}
# Weight of a finding with and without its cause: our choice. What causes what: Levy et al. 1988, Ann Intern Med 108:7
# (hypertrophy and hypertension); Surawicz & Knilans 2008, Chou's Electrocardiography in Clinical Practice, 6th ed.
CAUSE_FACTORS = {
    "left ventricular hypertrophy": ("hypertension", 2.2, 0.5),
    "left atrial enlargement": ("hypertension", 1.6, 0.7),
    "right ventricular hypertrophy": ("lung disease", 4.0, 0.7),
    "right atrial enlargement": ("lung disease", 4.0, 0.7),
    "old infarction": ("coronary disease", 2.0, 0.4),
    "recent infarction": ("coronary disease", 2.0, 0.4),
    "acute infarction": ("coronary disease", 2.0, 0.4),
    "ischemia": ("coronary disease", 1.8, 0.5),
    "injury": ("coronary disease", 2.0, 0.4),
}
# Growth of the weight per decade beyond 65 years: directions from the literature, sizes smaller by our choice. Atrial
# fibrillation: Go et al. 2001, JAMA 285:2370 (from 0.1 % under 55 to 9 % from 80 years); bundle branch block: Eriksson
# et al. 1998, Circulation 98:2494 (from 1 % at 50 to 17 % at 80 years, of men); the rest: Surawicz & Knilans 2008.
AGE_LOG_WEIGHT_PER_DECADE = {
    "atrial fibrillation": 0.5,
    "atrial flutter": 0.3,
    "paced rhythm": 0.4,
    "complete av block": 0.3,
    "supraventricular tachycardia": -0.2,
    "sinus arrhythmia": -0.25,
    "sinus tachycardia": -0.1,
    "left bundle branch block": 0.3,
    "right bundle branch block": 0.3,
    "bifascicular block": 0.3,
    "left anterior fascicular block": 0.2,
    "incomplete right bundle branch block": -0.35,
    "wolff-parkinson-white pattern": -0.4,
    "early repolarization": -0.4,
    "high voltage": -0.35,
    "brugada pattern": -0.2,
    "acute pericarditis": -0.4,
    "digitalis effect": 0.3,
}
# Weight in men relative to women: our choice. Brugada: eight times in Priori et al. 2015, Eur Heart J 36:2793.
MALE_FACTORS = {
    "early repolarization": 3.0,
    "high voltage": 2.0,
    "brugada pattern": 6.0,
    "acute pericarditis": 2.0,
    "right bundle branch block": 1.5,
    "left bundle branch block": 0.9,
    "prolonged qt interval": 0.7,
}

# What they have: weights, not percentages.
RHYTHM_WEIGHTS = {
    "sinus rhythm": 0.42,
    "sinus bradycardia": 0.07,
    "sinus tachycardia": 0.09,
    "sinus arrhythmia": 0.07,
    "atrial fibrillation": 0.11,
    "atrial flutter": 0.05,
    "supraventricular tachycardia": 0.02,
    "paroxysmal supraventricular tachycardia": 0.015,
    "atrial tachycardia": 0.015,
    "ectopic atrial rhythm": 0.015,
    "junctional rhythm": 0.02,
    "ventricular tachycardia": 0.012,
    "accelerated idioventricular rhythm": 0.008,
    "paced rhythm": 0.05,
    "second degree av block": 0.03,
    "complete av block": 0.03,
}
HEALTHY_RHYTHM_WEIGHTS = {
    "sinus rhythm": 0.72,
    "sinus bradycardia": 0.11,
    "sinus tachycardia": 0.06,
    "sinus arrhythmia": 0.11,
}
CONDUCTION_WEIGHTS = {
    "normal conduction": 0.38,
    "left bundle branch block": 0.06,
    "incomplete left bundle branch block": 0.02,
    "right bundle branch block": 0.06,
    "incomplete right bundle branch block": 0.05,
    "left anterior fascicular block": 0.07,
    "left posterior fascicular block": 0.02,
    "bifascicular block": 0.02,
    "intraventricular conduction delay": 0.035,
    "wolff-parkinson-white pattern": 0.025,
}
HYPERTROPHY_WEIGHTS = {
    "none": 0.82,
    "left ventricular hypertrophy": 0.125,
    "right ventricular hypertrophy": 0.035,
    "septal hypertrophy": 0.02,
}
REPOLARIZATION_WEIGHTS = {
    "normal repolarization": 0.29,
    "old infarction": 0.21,
    "recent infarction": 0.05,
    "acute infarction": 0.07,
    "ischemia": 0.12,
    "injury": 0.02,
    "nonspecific st change": 0.05,
    "nonspecific t change": 0.07,
    "prolonged qt interval": 0.025,
    "short qt interval": 0.004,
    "early repolarization": 0.015,
    "digitalis effect": 0.02,
    "hyperkalemia": 0.008,
    "hypokalemia": 0.010,
    "hypercalcemia": 0.005,
    "hypocalcemia": 0.006,
    "acute pericarditis": 0.010,
    "brugada pattern": 0.007,
}
# Shares of the sites: our choice. Of the infarcts of PTB-XL (Wagner et al. 2020, Sci Data 7:154, ptbxl_database.csv)
# about half are inferior, half anterior to anterolateral, and a few in a hundred lateral or posterior alone.
INFARCT_TERRITORY_WEIGHTS = {
    "anterior": 0.14,
    "anteroseptal": 0.26,
    "anterolateral": 0.09,
    "apical": 0.02,
    "inferior": 0.30,
    "inferolateral": 0.06,
    "inferoposterior": 0.03,
    "lateral": 0.06,
    "high lateral": 0.02,
    "posterior": 0.05,
}
ISCHEMIA_TERRITORY_WEIGHTS = {
    "": 0.30,  # no named wall
    "anterior": 0.12,
    "anteroseptal": 0.10,
    "anterolateral": 0.20,
    "inferior": 0.12,
    "inferolateral": 0.08,
    "lateral": 0.10,
}
INJURY_TERRITORY_WEIGHTS = {
    "anteroseptal": 0.35,
    "anterolateral": 0.35,
    "inferior": 0.1,
    "inferolateral": 0.1,
    "lateral": 0.1,
}
# Of women of 65; 5.8 % of all adults of middle age (Tikkanen et al. 2009, N Engl J Med 361:2529).
HEALTHY_EARLY_REPOLARIZATION_PROBABILITY = 0.02
# Voltage criteria of hypertrophy in healthy persons of 65; more in young men: under 35 years voltage alone says little
# (Hancock et al. 2009, J Am Coll Cardiol 53:992).
HEALTHY_HIGH_VOLTAGE_PROBABILITY = 0.015
HIGH_VOLTAGE_RATIO = Range(1.03, 1.30)  # of the criterion of Sokolow and Lyon or Cornell
FIRST_DEGREE_BLOCK_PROBABILITY = 0.12
LEFT_ATRIAL_PROBABILITY = 0.10
RIGHT_ATRIAL_PROBABILITY = 0.05
LOW_VOLTAGE_PROBABILITY = 0.05
ECTOPY_WEIGHTS = {
    "none": 0.755,
    "ventricular": 0.075,
    "multifocal ventricular": 0.010,
    "interpolated ventricular": 0.007,
    "ventricular couplets": 0.010,
    "ventricular run": 0.008,
    "ventricular bigeminy": 0.025,
    "ventricular trigeminy": 0.015,
    "atrial": 0.060,
    "blocked atrial": 0.010,
    "atrial bigeminy": 0.015,
    "atrial trigeminy": 0.010,
}
ECTOPY_SHARE_OF_BEATS = Range(0.08, 0.30)
# Time from the beat before, relative to the usual interval. Ventricular: on average 0.49 to 0.60 in Park et al. 2015,
# Korean Circ J 45:294; atrial: our choice.
VENTRICULAR_COUPLING = Range(0.45, 0.72)
ATRIAL_COUPLING = Range(0.45, 0.76)
VENTRICULAR_RUN_CYCLE_S = Range(0.33, 0.52)
P_WAVE_SEEN_IN_ECTOPY_PROBABILITY = 0.7  # else hidden in the QRS
FREQUENT_ATRIAL_ECTOPY = 3  # early atrial beats in 10 s that make an arrhythmia of single beats
PAUSE_WEIGHTS = {"none": 0.97, "sinus pause": 0.02, "sinoatrial block": 0.01}
SECOND_DEGREE_BLOCK_WEIGHTS = {"wenckebach": 0.42, "mobitz ii": 0.20, "2:1": 0.28, "high degree": 0.10}
PACING_WEIGHTS = {"ventricular": 0.5, "dual": 0.25, "atrial": 0.12, "biventricular": 0.13}
PACED_P_WAVE_PROBABILITY = 0.6
DEXTROCARDIA_PROBABILITY = 0.003  # 1 in 12,019 pregnancies (Bohun et al. 2007, Am J Cardiol 100:305)
# Any switched electrodes: 0.4 % in a clinic, 4 % in intensive care (Rudiger et al. 2007, Am J Emerg Med 25:174).
EXCHANGED_ARMS_PROBABILITY = 0.006
# An infarct or ischaemia is read in spite of left bundle branch block, pre-excitation or a thick wall.
REPOLARIZATION_KEPT_PROBABILITY = 0.2
# What changes from one recording of a patient to the next.
RHYTHM_CHANGES_PROBABILITY = 0.35
REPOLARIZATION_CHANGES_PROBABILITY = 0.5
CONDUCTION_CHANGES_PROBABILITY = 0.08

# Rhythms whose intervals hardly change, whose P waves are not from the sinus node, and that start in a ventricle.
CLOCKWORK_RHYTHMS = frozenset(
    {"supraventricular tachycardia", "paced rhythm", "atrial tachycardia", "junctional rhythm"}
)
ECTOPIC_ATRIAL_RHYTHMS = frozenset({"atrial tachycardia", "ectopic atrial rhythm"})
VENTRICULAR_RHYTHMS = frozenset({"ventricular tachycardia", "accelerated idioventricular rhythm"})

# Rates, per minute: our choice, with tachycardia above 100 (Page et al. 2016, Circulation 133:e506; Al-Khatib et al.
# 2018, ibid. 138:e272) and bradycardia below 60 as most readers have it (50 in Kusumoto et al. 2019, ibid. 140:e382).
RATE_PER_MIN = {
    "sinus rhythm": Normal(70, 13, 61.5, 97),
    "sinus arrhythmia": Normal(68, 9, 48, 92),
    "sinus bradycardia": Range(39, 58),
    "sinus tachycardia": Range(102, 150),
    "atrial fibrillation": Normal(95, 25, 45, 170),
    "supraventricular tachycardia": Range(145, 215),
    "paroxysmal supraventricular tachycardia": Range(145, 215),
    "atrial tachycardia": Range(115, 190),
    "ectopic atrial rhythm": Normal(74, 12, 55, 97),
    "junctional rhythm": Range(41, 88),
    "ventricular tachycardia": Range(122, 215),
    "accelerated idioventricular rhythm": Range(55, 98),
    "paced rhythm": Range(60, 92),
    "second degree av block": Normal(80, 10, 64, 99),  # of the atria
    "complete av block": Normal(78, 12, 62, 99),  # of the atria
}
RESPONSE_RATE_PER_MIN = {"rapid": Range(103, 170), "slow": Range(45, 57)}  # of atrial fibrillation, if asked for
EARLY_REPOLARIZATION_RATE_PER_MIN = Range(62, 78)
RESPIRATORY_ARRHYTHMIA_SHARE = Range(0.11, 0.24)  # of the mean interval; usual criteria: 120 ms or 10 %
USUAL_RESPIRATORY_SHARE_SD = 0.035
USUAL_RESPIRATORY_SHARE_LIMIT = 0.06
USUAL_CYCLE_RANGE_S = 0.11  # 120 ms between the longest and the shortest interval is sinus arrhythmia
FIBRILLATION_RR_LOG_SD = Range(0.17, 0.28)
FLUTTER_WAVE_RATE_HZ = Range(4.0, 5.6)  # 240-336 flutter waves per minute
FLUTTER_RATIO_WEIGHTS = {2: 0.40, 3: 0.15, 4: 0.25, 0: 0.20}  # 0: the ratio varies from beat to beat
FLUTTER_VARYING_RATIO_WEIGHTS = {2: 0.35, 3: 0.20, 4: 0.35, 5: 0.10}
VENTRICULAR_ESCAPE_RATE_PER_MIN = Range(26, 42)
JUNCTIONAL_ESCAPE_RATE_PER_MIN = Range(38, 55)
VENTRICULAR_ESCAPE_PROBABILITY = 0.5
VENTRICULAR_RHYTHM_DISSOCIATION_PROBABILITY = 0.7
RETROGRADE_P_WEIGHTS = {"within": 0.55, "before": 0.2, "after": 0.25}
SINUS_PAUSE_S = Range(2.05, 3.5)

# Intervals, milliseconds.
PR_MS = Normal(155, 19, 122, 198)
PR_SHORTENING_IN_TACHYCARDIA_MS = 15
FIRST_DEGREE_PR_MS = Range(212, 320)
FIRST_DEGREE_PR_MS_AT_FAST_RATE = Range(207, 240)
FIRST_DEGREE_FAST_RATE_PER_MIN = 105
PRE_EXCITATION_PR_MS = Range(85, 117)
JUNCTIONAL_PR_MS = Range(70, 112)
JUNCTIONAL_RP_MS = Range(90, 150)
WENCKEBACH_PR_STEP_MS = Range(45, 90)
DROPPED_BEAT_PR_MS = Range(150, 220)
# Means of 96 to 112 ms in the studies that Magnani et al. 2010, Ann Noninvasive Electrocardiol 15:344, cite.
P_MS = Normal(103, 9, 82, 118)
WIDE_P_MS = Range(123, 152)
QTC_MS = Normal(403, 17, 365, 438)
QTC_FEMALE_EXTRA_MS = 10  # 12-15 ms in the young, 6-10 ms later (Rautaharju et al. 2009, J Am Coll Cardiol 53:982)
PROLONGED_QTC_MS = Range(490, 565)
SHORT_QTC_MS = Range(300, 338)  # Priori et al. 2015, Eur Heart J 36:2793: short at 340 ms and below
HYPERCALCEMIA_QTC_MS = Range(315, 345)
HYPOCALCEMIA_QTC_MS = Range(490, 560)
HYPOKALEMIA_QTC_MS = Range(430, 475)
DIGITALIS_QTC_SHORTENING_MS = Range(10, 40)
QT_RATE_EXPONENT = 0.42  # between Bazett (1/2) and Fridericia (1/3)
QT_RR_LIMITS_S = Range(0.3, 1.5)  # beyond them QT follows the rate no further, nor is it corrected further
QT_PER_QRS = 0.75  # ms of QT per ms of QRS beyond normal
NORMAL_QRS_MS = 85  # men; neurokit2 measures a median of 84 in 30 normal ECGs of PTB-XL (ids 1-500)
FEMALE_QRS_FACTOR = 0.95  # men 8 ms longer in the mean (Yang & Macfarlane 1994, Br Heart J 72:197)
# Limits of QRS, in milliseconds. Source: Surawicz et al. 2009, J Am Coll Cardiol 53:976 (up to 110 ms normal, 110 to
# 119 ms incomplete block, from 120 ms block); incomplete right bundle branch block and pre-excitation start earlier.
QRS_LIMITS_MS = {
    "normal conduction": (74, 112),
    "left anterior fascicular block": (80, 118),
    "left posterior fascicular block": (80, 118),
    "incomplete right bundle branch block": (100, 118),
    "incomplete left bundle branch block": (111, 118),
    "right bundle branch block": (122, 175),
    "bifascicular block": (122, 175),
    "left bundle branch block": (128, 190),
    "intraventricular conduction delay": (114, 160),
    "wolff-parkinson-white pattern": (112, 150),
}
MIN_RR_S = 0.28

# Carts. 0: no such filter, or steps too fine to be seen. Corners of 0.05 and 150 Hz are for diagnosis (Kligfield et
# al. 2007, J Am Coll Cardiol 49:1109); the others are common settings.
# The spectra of all six corpora that were looked at end at 100 to 200 Hz: hardly any cart is without a low-pass.
LOW_PASS_WEIGHTS_HZ = {0.0: 0.15, 150.0: 0.65, 100.0: 0.10, 40.0: 0.10}
HIGH_PASS_WEIGHTS_HZ = {0.0: 0.79, 0.05: 0.06, 0.5: 0.15}
CONVERTER_STEP_WEIGHTS_MV = {0.0: 0.6, 0.0025: 0.15, 0.00488: 0.20, 0.01: 0.05}
AMPLIFIER_LIMIT_WEIGHTS_MV = {5.0: 0.94, 3.2: 0.05, 2.5: 0.01}
LOOSE_ELECTRODE_PROBABILITY = 0.008

# Size of things.
VOLTAGE_LOG_SD = 0.25
RESPIRATION_HZ = Range(0.18, 0.32)
RESPIRATORY_VOLTAGE_SHARE = Range(0.0, 0.10)
# Largest peak-to-peak of a QRS: what is beyond would be a hypertrophy, or not a human heart.
LIMB_VOLTAGE_LIMIT_MV = {"usual": 1.95, "large": 3.2}
CHEST_VOLTAGE_LIMIT_MV = {"usual": 4.0, "large": 5.5}
LOW_VOLTAGE_LIMB_MV = Range(0.28, 0.47)  # largest peak-to-peak in a limb lead; the criterion is under 0.5 mV
# How far the chest leads share in a low voltage of the limb leads: 0 not at all, 1 as much. Low voltage of the limb
# leads alone is the more common (Gwag et al. 2021, Int J Environ Res Public Health 18:12867, Figure 1).
LOW_VOLTAGE_CHEST_SHARE = Range(-0.1, 1.1)
SERIAL_VOLTAGE_LOG_SD = 0.06  # between recordings of a patient: posture, breathing, electrodes

# Heart's position.
# -0.6 degrees per year, 65 degrees at 20 and 30 at 80: our choice; that it turns with age: Rijnbeek et al. 2014,
# J Electrocardiol 47:914.
AXIS_TURN_RAD_PER_YEAR = -0.011
AXIS_REFERENCE_AGE_YEARS = 42.0
FRONTAL_TURN_SD_RAD = 0.32
HORIZONTAL_TURN_SD_RAD = 0.30
SAGITTAL_TURN_SD_RAD = 0.22
# Range that the electrical axis must fall in, degrees. Limits of blocks and deviations: Surawicz et al. 2009, J Am
# Coll Cardiol 53:976; the rest is our choice.
AXIS_RANGE_DEG = {
    "healthy": Range(-22, 85),
    "left anterior fascicular block": Range(-80, -46),
    "bifascicular block": Range(-80, -46),
    "left posterior fascicular block": Range(96, 150),
    "left bundle branch block": Range(-70, 75),  # R larger than S in lead I
    "left ventricular hypertrophy": Range(-28, 65),
    "right ventricular hypertrophy": Range(93, 150),
    "left axis deviation": Range(-75, -33),
    "right axis deviation": Range(93, 145),
}
# Electrical axis of P. Source: Surawicz & Knilans 2008, Chou's Electrocardiography in Clinical Practice, 6th ed. (0 to
# 75 degrees in sinus rhythm); an ectopic P wave lies clearly outside.
SINUS_P_AXIS_DEG = Range(5, 75)
MIRRORED_SINUS_P_AXIS_DEG = Range(105, 175)
ECTOPIC_P_AXIS_DEG = Range(95, 340)
MIRRORED_ECTOPIC_P_AXIS_DEG = Range(200, 340)
AXIS_DEVIATION_PROBABILITY = {"left": 0.05, "right": 0.03}
