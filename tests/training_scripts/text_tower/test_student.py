"""The small encoder begins with rows and layers of the large one."""

import pytest
import torch
from transformers import DistilBertConfig, DistilBertModel

from modeling_supreme.command_line import CommandLineError
from training_scripts.text_tower.student import make_student


def read(model, input_ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([input_ids])).last_hidden_state


def test_with_every_layer_and_piece_it_is_the_large_one(teacher):
    student = make_student(teacher, layers=range(4), piece_ids=range(teacher.config.vocab_size))

    assert torch.equal(read(student, [3, 20, 21, 4]), read(teacher, [3, 20, 21, 4]))


def test_a_piece_keeps_its_embedding_under_its_new_number(teacher):
    student = make_student(teacher, layers=[0, 1, 2, 3], piece_ids=[3, 20, 21, 4])

    assert torch.equal(read(student, [0, 1, 2, 3]), read(teacher, [3, 20, 21, 4]))


def test_layers_are_those_that_were_named(teacher):
    student = make_student(teacher, layers=[1, 3], piece_ids=[0, 3, 4])

    weights, expected = student.encoder.layer[1].state_dict(), teacher.encoder.layer[3].state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in weights.items())
    assert (student.config.num_hidden_layers, student.config.vocab_size) == (2, 3)


def test_the_large_one_stays_as_it_is(teacher):
    student = make_student(teacher, layers=[0], piece_ids=[0, 1])
    with torch.no_grad():
        student.encoder.layer[0].output.dense.weight.zero_()

    assert teacher.encoder.layer[0].output.dense.weight.any()
    assert teacher.config.num_hidden_layers == 4


def test_a_layer_that_there_is_not_is_refused(teacher):
    with pytest.raises(CommandLineError, match=r"`--layers` names 9, and the encoder has layers 0 to 3\. Choose"):
        make_student(teacher, layers=[0, 9], piece_ids=[0])


def test_an_encoder_that_is_no_bert_is_refused():
    model = DistilBertModel(DistilBertConfig(vocab_size=10, dim=8, n_layers=1, n_heads=1, hidden_dim=8))

    with pytest.raises(CommandLineError, match=r"is a distilbert\. Name a BERT, such as sentence-transformers"):
        make_student(model, layers=[0], piece_ids=[0])
