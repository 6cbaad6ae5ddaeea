import pytest
import torch

from bars import pretrained
from policies.policy import Policy


@pytest.fixture(scope="session")
def knows_bars() -> Policy:
    torch.set_num_threads(1)
    return pretrained()
