"""The claims of this project, its certificates on record, and their published form."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from theorycheck.claims.declaration import Claim
from theorycheck.pytest_plugin.collecting import collect_claims

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "reports/certificates").glob("*.json"))
PROOFS = [path for path in FILES if path.name.endswith(".proof.json")]
COMMITTED = [path for path in FILES if path not in PROOFS]
"""Certificates with an example."""
SCHEMA = json.loads(
    (ROOT / "theorycheck/claims/certificate.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

Document = dict[str, Any]


@cache
def claims() -> dict[str, Claim]:
    """The claims of ``properties/`` by their ids."""
    return {claim.id: claim for claim in collect_claims([str(ROOT / "properties")]).values()}
