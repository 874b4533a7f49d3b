"""What several methods' tests check in the same way."""

import pytest
import torch


def assert_resumes_exactly(build, data, context, folder, steps, interrupted_after):
    """A training that is stopped after some steps and goes on ends with the weights of an undisturbed one.

    build: makes the method. context: makes a FitContext of a folder, `steps` and `stop`.
    """
    whole, resumed, asked = build(), build(), []
    whole.fit(data, context(folder / "whole", steps=steps))

    def stop():
        asked.append(None)
        return len(asked) == interrupted_after

    with pytest.raises(KeyboardInterrupt):
        build().fit(data, context(folder / "broken", steps=steps, stop=stop))
    resumed.fit(data, context(folder / "broken", steps=steps))
    state = resumed._network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in whole._network.state_dict().items())
