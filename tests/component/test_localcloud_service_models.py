"""Service models are read once, and moto still sees those that it amends."""

import pytest
from botocore.loaders import create_loader
from moto.core.loaders import Loader, moto_root

from localcloud import service_models


@pytest.mark.parametrize("service", ["s3", "sqs", "lambda", "glue", "events"])
def test_moto_sees_the_model_that_its_own_loader_would_give(service):
    stock = Loader(extra_search_paths=[moto_root]).load_service_model(service, "service-2")
    assert service_models._shared().load_service_model(service, "service-2") == stock


def test_botos_clients_do_not_see_what_moto_amends():
    plain = create_loader().load_service_model("s3", "service-2")
    service_models._shared().load_service_model("s3", "service-2")
    assert service_models._plain.load_service_model("s3", "service-2") == plain
