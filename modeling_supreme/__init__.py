"""Zero-shot ECG classification by supervised pretraining: models, processor and pipeline."""
