"""The sections of a config, each checked by its own part: a config pays in memory only for the sections that it has."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Section:
    """Marks a key of the whole config. Its validator is made when a config first has the key.

    The validators of all sections together hold 11 MB, those of a small floor less than half. Null, which is a section
    without content in YAML, is an empty section; for `optional` ones it is None. Other marks of the key do not count:
    where it has any, `of` is the type with them.
    """

    def __init__(self, *, of: Any = None, optional: bool = False) -> None:
        self._type = of
        self._optional = optional

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._type)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        self._type = self._type or source
        return core_schema.with_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(self._adapter.core_schema)
        return found if self._optional else {"anyOf": [found, {"type": "null"}]}

    def _validated(self, value: object, info: ValidationInfo) -> Any:
        given = {} if value is None and not self._optional else value
        return self._adapter.validate_python(given, context=info.context)
