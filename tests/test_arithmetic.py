"""Work on several threads: in order, a few items ahead and no more, the first error, one torch thread an item."""

import time

import pytest
import torch

from harness.arithmetic import mapped_exactly


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order_whatever_finishes_first(workers):
    def work(item):
        time.sleep(0.002 * (item % 3))
        return item

    assert list(mapped_exactly(work, range(40), workers)) == list(range(40))


def test_work_is_a_few_items_ahead_of_what_was_taken_and_no_more():
    begun = []
    found = mapped_exactly(begun.append, range(1000), 2)
    for _ in range(3):
        next(found)
    time.sleep(0.05)
    assert len(begun) <= 3 + 2 * 4
    found.close()
    assert len(begun) <= 3 + 2 * 4


def test_the_error_of_the_first_item_that_has_one_is_raised_though_a_later_one_was_quicker():
    def work(item):
        if item == 3:
            time.sleep(0.05)
        if item >= 3:
            raise ValueError(item)
        return item

    with pytest.raises(ValueError, match="3"):
        list(mapped_exactly(work, range(20), 4))


def test_torch_computes_on_one_thread_without_gradients_and_the_callers_settings_come_back():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = list(
            mapped_exactly(lambda _: (torch.get_num_threads(), torch.is_inference_mode_enabled()), range(6), 3)
        )
        assert set(found) == {(1, True)}
        assert torch.get_num_threads() == 2 and not torch.is_inference_mode_enabled()
    finally:
        torch.set_num_threads(before)
