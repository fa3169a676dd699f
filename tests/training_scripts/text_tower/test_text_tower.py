"""`python -m training_scripts.text_tower`: an ordinary encoder that embeds texts as the large one does."""

import importlib
import json

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from helpers.training_runs import InterruptedRunError, are_equal, read_weights
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from modeling_supreme import SupremeEcgConfig, SupremeModel
from modeling_supreme.command_line import CommandLineError
from modeling_supreme.queries import encode_queries
from training_scripts.run.states import RunState
from training_scripts.text_tower.objective import TextSteps, rank_agreement, relative_distance
from training_scripts.text_tower.texts import Text, TextWriter, load_sources
from training_scripts.text_tower.vocabulary import trim_tokenizer


main = importlib.import_module("training_scripts.text_tower.__main__").main


def distil(output_dir, flags):
    """Run the command in this process; returns train_results.json."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    main([*flags, "--output_dir", str(output_dir)])
    return json.loads((output_dir / "train_results.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def flags(teacher_dir):
    return [
        *("--text_model_name_or_path", str(teacher_dir), "--layers", "0", "3", "--vocab_size", "115"),
        *("--num_counted_texts", "50", "--num_validation_texts", "20", "--per_device_train_batch_size", "8"),
        *("--max_train_steps", "4", "--learning_rate", "0.01", "--mixed_precision", "no"),
    ]


@pytest.fixture(scope="module")
def run(flags, tmp_path_factory):
    """A run of four steps: its folder and its results."""
    folder = tmp_path_factory.mktemp("tower")
    return folder, distil(folder, flags)


class TestWhatARunLeaves:
    def test_an_encoder_of_the_same_width_that_transformers_loads(self, run):
        folder, _ = run
        model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)

        hidden_states = model(**tokenizer(["atrial flutter"], return_tensors="pt")).last_hidden_state

        assert hidden_states.shape[-1] == 32
        assert (len(tokenizer), model.config.vocab_size, model.config.num_hidden_layers) == (115, 115, 2)

    def test_weights_of_16_bits_that_are_read_as_32(self, run):
        folder, _ = run

        assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.float16}
        assert {parameter.dtype for parameter in AutoModel.from_pretrained(folder).parameters()} == {torch.float32}

    def test_it_stands_in_a_zero_shot_model(self, run):
        folder, _ = run
        model = SupremeModel.from_text_pretrained(
            str(folder), ecg_config=SupremeEcgConfig.from_preset("hybrid"), text_pooling="mean"
        )

        query_embeds = encode_queries(model, AutoTokenizer.from_pretrained(folder), ["atrial flutter", "心"])

        assert (query_embeds.shape, query_embeds.dtype) == ((2, 32), torch.float32)
        assert torch.isfinite(query_embeds).all()

    def test_a_card_and_figures(self, run):
        folder, results = run

        card = (folder / "README.md").read_text(encoding="utf-8")
        assert "| layers | 2, which began as layers 0, 3 of it |" in card
        assert f"{results['validation_cosine']:.4f}" in card
        assert results["num_strips"] == 4 * 8


class TestLearning:
    def test_the_embeddings_come_nearer(self, flags, run, tmp_path):
        _, few = run
        many = distil(tmp_path, [*flags, "--max_train_steps", "40"])

        assert many["validation_cosine"] > few["validation_cosine"]
        assert many["validation_loss"] < few["validation_loss"]

    def test_the_same_seed_gives_the_same_weights(self, flags, run, tmp_path):
        distil(tmp_path, flags)

        assert are_equal(read_weights(tmp_path), read_weights(run[0]))

    def test_another_seed_gives_others(self, flags, run, tmp_path):
        distil(tmp_path, [*flags, "--seed", "1"])

        assert not are_equal(read_weights(tmp_path), read_weights(run[0]))

    def test_a_run_that_was_broken_off_ends_as_one_that_was_not(self, flags, run, tmp_path):
        save = RunState.save

        def save_and_stop(states, step, *args, **options):
            save(states, step, *args, **options)
            if step == 2:
                raise InterruptedRunError("after two steps")

        flags = [*flags, "--checkpointing_steps", "2"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RunState, "save", save_and_stop)
            with pytest.raises(InterruptedRunError, match="after two steps"):
                distil(tmp_path, flags)
        distil(tmp_path, [*flags, "--resume_from_checkpoint", "latest"])

        assert are_equal(read_weights(tmp_path), read_weights(run[0]))

    def test_a_run_goes_on_with_the_vocabulary_it_began_with(self, flags, tmp_path):
        distil(tmp_path, [*flags, "--checkpointing_steps", "2"])

        with pytest.raises(CommandLineError, match=r"goes on only as it began: `--vocab_size` is 120 and was 115"):
            distil(tmp_path, [*flags, "--vocab_size", "120", "--resume_from_checkpoint", "latest"])


class TestRefusals:
    @pytest.mark.parametrize("layers", [["3", "0"], ["0", "0"]], ids=["in another order", "twice"])
    def test_layers_are_named_once_and_in_order(self, flags, tmp_path, layers):
        with pytest.raises(CommandLineError, match=r"`--layers` are \d \d\. Name each layer once, in order"):
            distil(tmp_path, [*flags, "--layers", *layers])

    @pytest.mark.parametrize(("flag", "value"), [("--vocab_size", "0"), ("--token_weight", "-1")])
    def test_a_number_that_makes_no_sense_is_named(self, flags, tmp_path, flag, value):
        with pytest.raises(CommandLineError, match=rf"`{flag}` is {value}"):
            distil(tmp_path, [*flags, flag, value])


@pytest.fixture(scope="module")
def make_steps(teacher_tokenizer):
    pieces = [piece for piece in teacher_tokenizer.get_vocab() if piece not in {"[unused0]", "[unused1]", "river"}]
    ids = [teacher_tokenizer.get_vocab()[piece] for piece in pieces]
    writer = TextWriter(load_sources(["house", "river"]))

    def make(**options):
        return TextSteps(
            writer,
            trim_tokenizer(teacher_tokenizer, pieces),
            teacher_tokenizer,
            piece_ids=ids,
            batch_size=4,
            batches_per_step=2,
            seed=0,
            num_validation_texts=10,
            **options,
        )

    return make


class TestSteps:
    def test_two_processes_share_the_texts_of_one(self, make_steps):
        both = [next(make_steps(process_index=index, num_processes=2).steps(3)) for index in (0, 1)]

        texts = [text for batches in both for batch in batches for text in batch.record_ids]
        assert len(set(texts)) > 12
        assert [len(batches) for batches in both] == [2, 2]

    def test_a_step_is_the_same_wherever_a_run_begins(self, make_steps):
        steps = make_steps().steps(0)
        next(steps)

        assert next(steps)[0].record_ids == next(make_steps().steps(1))[0].record_ids

    def test_every_process_validates_as_many_batches(self, make_steps):
        batches = [list(make_steps(process_index=index, num_processes=2).validation_batches()) for index in (0, 1)]

        assert [len(each) for each in batches] == [2, 2]
        assert sum(len(batch.record_ids) for each in batches for batch in each) == 10

    def test_a_text_is_aligned_if_both_cut_it_into_the_same_pieces(self, make_steps):
        batch = make_steps().tokenize([Text.plain(text) for text in ("left block", "the river", "house")])

        assert batch.inputs["is_aligned"].tolist() == [True, False, True]


class TestFigures:
    def test_the_distance_is_relative_to_the_wanted_length(self):
        distance = relative_distance(torch.tensor([[0.0, 4.0], [1.0, 1.0]]), torch.tensor([[0.0, 2.0], [1.0, 1.0]]))

        assert distance.tolist() == [1.0, 0.0]

    def test_ranks_of_similarities_agree_or_not(self):
        embeds = torch.tensor([[1.0, 0.0], [1.0, 0.2], [0.0, 1.0]])

        # cosines .98, 0, .20 against 0, .98, .20: Spearman -1
        assert rank_agreement(embeds, embeds[[0, 2, 1]]) == pytest.approx(-1)
        assert rank_agreement(embeds, 3 * embeds) == pytest.approx(1)
