"""Service models are read once, and moto still sees those that it amends."""

import copy

import pytest
from moto.core.loaders import Loader, moto_root

from localcloud import service_models


@pytest.mark.parametrize("service", ["s3", "sqs", "lambda", "glue", "events"])
def test_moto_sees_the_model_that_its_own_loader_would_give(service):
    stock = Loader(extra_search_paths=[moto_root]).load_service_model(service, "service-2")
    assert service_models._shared().load_service_model(service, "service-2") == stock


def test_what_moto_amends_stays_out_of_the_model_of_botos_clients():
    before = copy.deepcopy(service_models._plain.load_service_model("s3", "service-2"))
    service_models._shared().load_service_model("s3", "service-2")
    assert service_models._plain.load_service_model("s3", "service-2") == before
