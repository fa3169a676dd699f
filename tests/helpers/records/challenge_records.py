"""Records as the PhysioNet Challenges publish them."""

import scipy.io

from modeling_supreme.leads import STANDARD_LEADS


COMMENTS = {
    "ecg-arrhythmia": "#Age: {age}\n#Sex: {sex}\n#Dx: {codes}\n#Rx: Unknown\n#Hx: Unknown\n#Sx: Unknown\n",
    "challenge": "# Age: {age}\n# Sex: {sex}\n# Dx: {codes}\n# Rx: Unknown\n# Hx: Unknown\n# Sx: Unknown\n",
}


def write_challenge_record(
    path,
    microvolts,
    *,
    sampling_rate=500,
    leads=STANDARD_LEADS,
    codes="426783006",
    age="85",
    sex="Male",
    dialect="ecg-arrhythmia",
):
    """Write a record as the PhysioNet Challenges do: integers behind the 24 bytes that make the file a MATLAB file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(f"{path}.mat", {"val": microvolts}, format="4")
    lines = [
        f"{path.name} {len(leads)} {sampling_rate} {microvolts.shape[1]}",
        *(
            f"{path.name}.mat 16+24 1000/mV 16 0 {row[0]} 0 0 {lead}"
            for row, lead in zip(microvolts, leads, strict=True)
        ),
        COMMENTS[dialect].format(age=age, sex=sex, codes=codes),
    ]
    path.with_name(f"{path.name}.hea").write_text("\n".join(lines), encoding="utf-8")


def edit_header(record, old, new):
    header = record.with_name(f"{record.name}.hea")
    text = header.read_text(encoding="utf-8")
    assert old in text
    header.write_text(text.replace(old, new), encoding="utf-8")
