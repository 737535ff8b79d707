"""moto's answers made quick where they are plain dicts: member by member what moto itself finds."""

import random

import pytest
from moto.core import serialize
from moto.core.utils import get_service_model

from localcloud import answers

SERVICES = ("dynamodb", "s3", "sagemaker", "glue", "cloudwatch", "stepfunctions", "iam", "sqs")
STOCK = answers._stock


class Picking:
    """What `get_value` reads of a serializer."""

    def __init__(self, operation, **options):
        self.operation_model = operation
        self.path = [operation.name]
        self._value_picker = serialize.XFormedAttributePicker(**options)


def structures(shape, seen):
    """Every structure below a shape, with each member told whose it is, as moto does on its way."""
    if shape is None or shape.name in seen:
        return
    if shape.type_name == "structure":
        seen = seen | {shape.name}
        for member in shape.members.values():
            member.parent = shape
        yield shape
        below = shape.members.values()
    else:
        below = [getattr(shape, name, None) for name in ("member", "value")]
    for each in below:
        yield from structures(each, seen)


def some_dict(draw, shape):
    """Members by names that backends of moto use: the model's, snake case, without prefix, on the wire."""
    picker, found = serialize.XFormedAttributePicker(), {}
    for name, member in shape.members.items():
        context = serialize.AttributePickerContext(obj={}, key=name, shape=member)
        keys = list(picker.get_possible_keys(context))
        for key in draw.sample(keys, draw.randint(0, min(2, len(keys)))):
            found[key] = draw.choice([None, 0, "", f"{key} of {name}", [], {}])
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_a_member_of_a_dict_is_what_moto_itself_finds(service):
    draw, compared = random.Random(20261127), 0  # noqa: S311
    model = get_service_model(service)
    for name in draw.sample(sorted(model.operation_names), 12):
        operation = model.operation_model(name)
        picking = Picking(operation)
        for shape in structures(operation.output_shape, frozenset()):
            value = some_dict(draw, shape)
            for key, member in shape.members.items():
                wanted = STOCK(picking, value, key, member)
                assert answers.get_value(picking, value, key, member) is wanted, (name, shape.name, key)
                assert answers.get_value(picking, value, key, member) is wanted  # by the names that were kept
                compared += 1
    assert compared > 20


def test_what_is_no_plain_dict_is_left_to_moto():
    operation = get_service_model("dynamodb").operation_model("DescribeTable")
    shape = next(structures(operation.output_shape, frozenset()))

    class Described:
        table = "by attribute"

    class Counted(dict):
        pass

    picking, member = Picking(operation), shape.members["Table"]
    assert answers.get_value(picking, Described(), "Table", member) == "by attribute"
    assert answers.get_value(picking, Counted(Table="by item"), "Table", member) == "by item"
    assert answers.get_value(picking, None, "Table", member) is None


def test_a_transformer_of_a_response_still_transforms():
    operation = get_service_model("dynamodb").operation_model("DescribeTable")
    shape = next(structures(operation.output_shape, frozenset()))
    picking = Picking(operation, response_transformers={"DescribeTable.Table": str.upper})
    assert answers.get_value(picking, {"Table": "rows"}, "Table", shape.members["Table"]) == "ROWS"
