"""The regression that tells accounts apart: slow to believe in chance, sure in the end."""

import random

import pytest

from pacing.answer_model import AccountFacts, AnswerModel

pytestmark = pytest.mark.unit


def test_ten_dials_in_a_row_that_reach_nobody_do_not_make_a_list_hopeless():
    model = AnswerModel()
    for _ in range(10):
        model.learn(AccountFacts(), person=False)
    assert model.chance(AccountFacts()) > 0.1


def test_accounts_that_answer_more_often_are_told_apart_after_a_few_thousand_dials():
    model, chance = AnswerModel(), random.Random(1)
    fresh, often_tried = AccountFacts(tries=0), AccountFacts(tries=6, last="no_answer", since_last_h=30.0)
    for _ in range(2000):
        model.learn(fresh, person=chance.random() < 0.4)
        model.learn(often_tried, person=chance.random() < 0.1)
    assert model.chance(fresh) == pytest.approx(0.4, abs=0.08)
    assert model.chance(often_tried) == pytest.approx(0.1, abs=0.05)
