"""Configurations: what is refused, what is derived, and that a saved configuration comes back as it was."""

import pytest
from huggingface_hub.errors import StrictDataclassClassValidationError, StrictDataclassFieldValidationError
from transformers import AutoConfig, BertConfig

from modeling_supreme import ECG_PRESETS, STANDARD_LEADS, SupremeConfig, SupremeEcgConfig


@pytest.mark.parametrize("preset", ECG_PRESETS)
def test_an_encoder_configuration_comes_back_as_it_was_saved(preset, tmp_path):
    config = SupremeEcgConfig.from_preset(preset)
    config.save_pretrained(tmp_path)

    reloaded = SupremeEcgConfig.from_pretrained(tmp_path)

    assert reloaded.to_dict() == config.to_dict()


def test_a_model_configuration_comes_back_as_it_was_saved(tmp_path):
    config = SupremeConfig(
        ecg_config=SupremeEcgConfig.from_preset("hybrid"),
        text_config=BertConfig(hidden_size=32, num_attention_heads=2),
        trained_queries=("atrial fibrillation", "normal ecg"),
    )
    config.save_pretrained(tmp_path)

    reloaded = SupremeConfig.from_pretrained(tmp_path)

    assert reloaded.to_dict() == config.to_dict()


def test_a_saved_configuration_does_not_say_where_the_text_encoder_lay(tmp_path):
    text_config = BertConfig(hidden_size=32, num_attention_heads=2)
    text_config.save_pretrained(tmp_path / "encoders" / "minilm")
    config = SupremeConfig(text_config=AutoConfig.from_pretrained(tmp_path / "encoders" / "minilm"))

    config.save_pretrained(tmp_path)

    saved = (tmp_path / "config.json").read_text(encoding="utf-8")
    assert '"_name_or_path": "minilm"' in saved
    assert str(tmp_path) not in saved


def test_the_name_of_a_text_encoder_of_the_hub_is_kept():
    text_config = BertConfig(hidden_size=32, num_attention_heads=2, name_or_path="ncbi/MedCPT-Query-Encoder")

    assert SupremeConfig(text_config=text_config).to_dict()["text_config"]["_name_or_path"] == text_config.name_or_path


def test_the_parts_of_a_reloaded_configuration_have_their_classes(tmp_path):
    SupremeConfig(text_config=BertConfig(hidden_size=32, num_attention_heads=2)).save_pretrained(tmp_path)

    reloaded = AutoConfig.from_pretrained(tmp_path)

    assert [type(reloaded), type(reloaded.ecg_config), type(reloaded.text_config)] == [
        SupremeConfig,
        SupremeEcgConfig,
        BertConfig,
    ]


def test_auto_config_finds_the_encoder_alone(tmp_path):
    SupremeEcgConfig.from_preset("resnet18").save_pretrained(tmp_path)

    assert type(AutoConfig.from_pretrained(tmp_path)) is SupremeEcgConfig


def test_parts_may_be_given_as_dictionaries():
    config = SupremeConfig(
        ecg_config={"patch_size": 100}, text_config={"model_type": "distilbert", "dim": 48, "n_heads": 2}
    )

    assert (config.ecg_config.patch_size, config.text_config.model_type, config.text_config.hidden_size) == (
        100,
        "distilbert",
        48,
    )


def test_the_default_is_the_tiny_vit_on_ten_seconds_of_twelve_leads():
    config = SupremeEcgConfig()

    assert config.to_dict() == SupremeEcgConfig.from_preset("vit_tiny").to_dict()
    assert (config.leads, config.num_samples / config.sampling_rate) == (list(STANDARD_LEADS), 10)


def test_tuples_become_lists_because_json_has_no_tuples():
    config = SupremeEcgConfig(leads=("I", "II"), conv_channels=(8, 16), conv_strides=(5, 2))

    assert (config.leads, config.conv_channels, config.conv_strides) == (["I", "II"], [8, 16], [5, 2])


def test_a_preset_can_be_changed_in_part():
    config = SupremeEcgConfig.from_preset("vit_small", patch_size=125)

    assert (config.hidden_size, config.patch_size) == (384, 125)


def test_changing_a_preset_leaves_the_preset_alone():
    before = list(ECG_PRESETS["resnet18"]["conv_channels"])

    SupremeEcgConfig.from_preset("resnet18").conv_channels.append(1024)

    assert ECG_PRESETS["resnet18"]["conv_channels"] == before


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no ECG encoder 'vit_huge'.*vit_tiny, vit_small.*resnet18, hybrid"):
        SupremeEcgConfig.from_preset("vit_huge")


@pytest.mark.parametrize(
    ("preset", "overrides", "token_stride", "num_tokens"),
    [
        ("vit_tiny", {}, 50, 100),
        ("resnet18", {}, 32, 157),  # two halvings before the stages, three between: 5000 / 32 = 156.25, rounded up
        ("hybrid", {"conv_strides": [5, 2, 2, 3]}, 60, 84),  # 5 * 2 * 2 * 3 = 60; 5000 / 60 = 83.3, rounded up
    ],
)
def test_tokens_follow_from_strides(preset, overrides, token_stride, num_tokens):
    config = SupremeEcgConfig.from_preset(preset, **overrides)

    assert (config.token_stride, config.num_tokens) == (token_stride, num_tokens)


def test_a_patch_size_that_does_not_divide_the_strip_is_refused():
    with pytest.raises(
        StrictDataclassClassValidationError, match=r"`num_samples` \(5000\).*`patch_size` \(72\).*Use 4968 samples"
    ):
        SupremeEcgConfig(patch_size=72)


@pytest.mark.parametrize("preset", ["resnet18", "hybrid"])
def test_a_patch_size_means_nothing_to_convolutions(preset):
    assert SupremeEcgConfig.from_preset(preset, patch_size=72).patch_size == 72


def test_a_width_that_does_not_divide_into_heads_is_refused():
    with pytest.raises(
        StrictDataclassClassValidationError, match=r"`hidden_size` \(192\).*`num_attention_heads` \(5\).*Change one"
    ):
        SupremeEcgConfig(num_attention_heads=5)


@pytest.mark.parametrize("encoder_type", ["resnet", "hybrid"])
def test_a_last_convolution_of_another_width_than_the_token_is_refused(encoder_type):
    with pytest.raises(
        StrictDataclassClassValidationError,
        match=r"`conv_channels` \(64\) is not `hidden_size` \(96\).*make them equal",
    ):
        SupremeEcgConfig(encoder_type=encoder_type, hidden_size=96, conv_channels=[32, 64], conv_strides=[5, 2])


def test_another_number_of_strides_than_of_convolutions_is_refused():
    with pytest.raises(StrictDataclassClassValidationError, match=r"has 4 stages, `conv_strides` has 3.*one stride a"):
        SupremeEcgConfig.from_preset("hybrid", conv_strides=[5, 2, 2])


def test_a_convolution_over_an_even_number_of_samples_is_refused():
    with pytest.raises(StrictDataclassClassValidationError, match=r"`conv_kernel_size` \(6\) is even.*5 or 7"):
        SupremeEcgConfig.from_preset("hybrid", conv_kernel_size=6)


def test_fusion_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(
        StrictDataclassClassValidationError,
        match=r"`fusion_hidden_size` \(192\).*`num_fusion_heads` \(5\).*Change one",
    ):
        SupremeConfig(num_fusion_heads=5)


@pytest.mark.parametrize(
    ("config_class", "field", "value"),
    [
        (SupremeEcgConfig, "encoder_type", "lstm"),
        (SupremeEcgConfig, "sampling_rate", "500 Hz"),
        (SupremeEcgConfig, "num_samples", 5000.5),
        (SupremeConfig, "text_pooling", "max"),
        (SupremeConfig, "trained_queries", "normal ecg"),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused_by_name(config_class, field, value):
    with pytest.raises(StrictDataclassFieldValidationError, match=f"field '{field}'"):
        config_class(**{field: value})


@pytest.mark.parametrize("preset", ECG_PRESETS)
def test_every_preset_belongs_into_a_model(preset):
    config = SupremeConfig(ecg_config=SupremeEcgConfig.from_preset(preset))

    assert config.ecg_config.hidden_size == SupremeEcgConfig.from_preset(preset).hidden_size
