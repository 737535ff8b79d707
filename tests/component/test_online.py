"""Reading the online store when DynamoDB answers in parts."""

import pytest
from botocore.exceptions import ClientError
from serving_account import plan

from tidegate.aws import online

MOMENT = 1_362_877_200
ROWS = [{"carrier": carrier, "origin": "EWR"} for carrier in ("UA", "AA", "B6")]


class Throttled:
    """Answers with one item at a time, as DynamoDB may, for as long as it has answers left."""

    def __init__(self, answers):
        self.answers = answers

    def batch_get_item(self, **request):
        [(table, wanted)] = request["RequestItems"].items()
        keys = wanted["Keys"]
        served = keys[:1] if self.answers > 0 else []
        self.answers -= 1
        items = [{**key, "v": {"S": "{}"}, "et": {"N": str(MOMENT)}, "kt": {"N": "0"}} for key in served]
        left = keys[len(served) :]
        return {"Responses": {table: items}, "UnprocessedKeys": {table: {"Keys": left}} if left else {}}


def test_keys_left_unread_are_asked_for_again():
    found = online.read(Throttled(4), "online", plan().features, ROWS, [MOMENT] * 3)
    assert [each.missing for each in found] == [(), (), ()]


def test_keys_that_stay_unread_are_an_error_and_never_a_missing_value():
    with pytest.raises(ClientError, match="keys left unread"):
        online.read(Throttled(3), "online", plan().features, ROWS, [MOMENT] * 3)


def test_a_row_without_an_entity_asks_for_nothing():
    rows = [{"carrier": None, "origin": None}]
    [found] = online.read(Throttled(0), "online", plan().features, rows, [MOMENT])
    assert found.values == {"carrier_delay_rate_7d": None, "origin_delay_rate_7d": None}
    assert found.missing == ("carrier_delay_rate_7d", "origin_delay_rate_7d")
