"""Drafts of reports: `pipeline("ecg-report-generation")`, where this package is installed."""
