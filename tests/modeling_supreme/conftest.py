"""The feature extractor of the tests of strips."""

import pytest

from modeling_supreme.feature_extraction_supreme import SupremeEcgFeatureExtractor


@pytest.fixture
def extractor():
    """Everything by default except the scale: `signal` is in millivolts."""
    return SupremeEcgFeatureExtractor(scale_mv=1.0)
