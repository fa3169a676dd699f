"""Who is recorded: anatomy, diseases and diagnoses."""
