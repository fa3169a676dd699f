"""What is true of a strip: measurements, criteria, conditions, annotations."""
