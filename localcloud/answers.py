"""How moto turns what a backend answers into a service's wire form, made quick where that is a plain dict.

moto looks each member of a shape up under several names, and finds these anew for each value: an answer of 40
items from DynamoDB took 20 ms. In a dict the names to try depend on the member alone, so they are kept.
"""

from typing import Any

from botocore.model import Shape
from moto.core.serialize import (
    DEFAULT_ALIAS_PROVIDERS,
    AttributePickerContext,
    ResponseSerializer,
    XFormedAttributePicker,
)

from localcloud import _moto_seams

_NAMES = "_localcloud_names"  # of a member, kept beside it: it is one object for each place in a model

_stock = ResponseSerializer.get_value


def install() -> None:
    _moto_seams.replace("moto.core.serialize", "ResponseSerializer.get_value", get_value)


def get_value(self: ResponseSerializer, value: Any, key: str, shape: Shape) -> Any:
    """The member `key` of `value`, or None: what moto's own picker finds."""
    picker = self._value_picker
    if (
        type(value) is dict
        and type(picker) is XFormedAttributePicker
        and picker.alias_providers is DEFAULT_ALIAS_PROVIDERS
        and not picker.response_transformers
        and hasattr(shape, "parent")  # moto sets it on the way, and tells names of siblings apart by it
    ):
        return next((value[name] for name in _names(picker, key, shape) if name in value), None)
    return _stock(self, value, key, shape)


def _names(picker: XFormedAttributePicker, key: str, shape: Shape) -> tuple[str, ...]:
    found: tuple[str, ...] | None = shape.__dict__.get(_NAMES)
    if found is None:
        context = AttributePickerContext(obj={}, key=key, shape=shape)
        found = tuple(dict.fromkeys(picker.get_possible_keys(context)))
        setattr(shape, _NAMES, found)
    return found
