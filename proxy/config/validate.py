"""Checks the plain data of a section against its schema.

The rule: a wrong value is an error and is left out, so that the rest can still be looked at; an
unknown key is a warning; a known key that does nothing yet is a note.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from proxy.config.fields import EXPECTED, Reader
from proxy.config.known_models import REQUEST_FIELDS
from proxy.config.masking import MASK, hides, plain, show
from proxy.config.problems import NOT_ACTIVE, Problems, Trail
from proxy.config.schema import (
    LATER,
    SECTIONS,
    LitellmParams,
    ModelInfo,
    Section,
    Top,
    known,
    open_fields,
)

NEAR = 0.6
VERY_NEAR = 0.8

S = TypeVar("S", bound=Section)

_WANTED = MappingProxyType({"dict_type": "a map", "list_type": "a list"})


def validate(
    section: type[S], data: Mapping[str, Any] | None, trail: Trail, problems: Problems
) -> S | None:
    """The section, without the values that are wrong; None where a needed one is missing."""
    left = dict(data or {})
    _check_extras(section, left, trail, problems)
    left = {name: value for name, value in left.items() if value is not None}
    while True:
        try:
            return section.model_validate(left)
        except ValidationError as failure:
            if not _report(failure.errors(include_url=False), left, trail, problems):
                return None


def request_fields(params: LitellmParams) -> dict[str, Any]:
    """The fields that the operator wants in bodies that lack them."""
    extras = params.model_extra or {}
    found = {
        name: REQUEST_FIELDS[name](value) if name in REQUEST_FIELDS else value
        for name, value in extras.items()
        if value is not None and _is_request_field(name)
    }
    return {**found, **(params.extra_body or {})}


def _is_request_field(name: str) -> bool:
    if name in REQUEST_FIELDS:
        return True
    may_be_secret = hides((name,)) or plain(name) != name
    meant_otherwise = _home(name) is not None or _nearest(name, VERY_NEAR) is not None
    return not (may_be_secret or meant_otherwise)


def _home(name: str) -> str | None:
    return next((title for title, section in SECTIONS.items() if name in known(section)), None)


def _nearest(name: str, cutoff: float, section: type[Section] = LitellmParams) -> str | None:
    return next(iter(get_close_matches(name, known(section), 1, cutoff)), None)


def _report(
    errors: list[ErrorDetails], data: dict[str, Any], trail: Trail, problems: Problems
) -> bool:
    for error in errors:
        place = error["loc"]
        if error["type"] == "missing":
            problems.error((*trail, *place), "this is missing")
        else:
            _wrong((*trail, *place), _wanted(error), error["input"], problems)
    wrong = {str(error["loc"][0]) for error in errors if error["loc"]} & data.keys()
    for name in wrong:
        del data[name]
    return bool(wrong) and all(error["type"] != "missing" for error in errors)


def _wanted(error: ErrorDetails) -> str:
    if error["type"] == EXPECTED:
        return str(error.get("ctx", {}).get("what"))
    return _WANTED.get(error["type"], "another kind of value")


def _wrong(trail: Trail, wanted: str, value: object, problems: Problems) -> None:
    hidden = hides(trail) and isinstance(value, str | int | float)
    problems.error(trail, f"expected {wanted}, got {MASK if hidden else show(value)}")


def _check_extras(
    section: type[Section], data: dict[str, Any], trail: Trail, problems: Problems
) -> None:
    later = LATER.get(section, {})
    all_known = known(section)
    fields: Mapping[str, Reader] = open_fields(section)
    for name, value in list(data.items()):
        reader = later.get(name) or fields.get(name)
        if reader is not None:
            if value is not None and _fits(reader, value, (*trail, name), problems):
                if name in later:
                    problems.note((*trail, name), NOT_ACTIVE)
            else:
                del data[name]
        elif name not in all_known:
            _tell_unknown(section, name, trail, problems)


def _fits(reader: Reader, value: object, trail: Trail, problems: Problems) -> bool:
    try:
        reader(value)
    except PydanticCustomError as error:
        _wrong(trail, str((error.context or {}).get("what")), value, problems)
        return False
    return True


def _tell_unknown(section: type[Section], name: str, trail: Trail, problems: Problems) -> None:
    home = _home(name)
    near = _nearest(name, NEAR, section)
    if section is Top and name.startswith(("x-", ".", "_")):
        return
    if section is ModelInfo and (home or not _nearest(name, VERY_NEAR, section)):
        return
    message = "unknown key"
    if home is not None:
        message += f"; it belongs to {home}"
    elif near is not None:
        message += f"; did you mean {near}?"
    if section is LitellmParams and _is_request_field(name):
        message += "; it is sent to the provider as a field of the request"
    problems.warning((*trail, name), message.replace("?; it", "? It"))


def nearest_name(name: str, names: Mapping[str, object]) -> str:
    """A hint with the nearest of these names, or nothing."""
    near = get_close_matches(name, names, 1, NEAR)
    return f"; did you mean {plain(near[0])}?" if near else ""
