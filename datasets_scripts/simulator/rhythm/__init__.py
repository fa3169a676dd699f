"""When things happen: sinus rhythm, arrhythmias, ectopy."""
