# SPDX-License-Identifier: Apache-2.0
"""The JSON that connctl prints, held against docs/schemas/connctl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas" / "connctl"


def check(name: str, document: Any) -> Any:
    """Asserts that the document has the form of NAME.schema.json, and returns it."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(document)
    return document
