# SPDX-License-Identifier: Apache-2.0
"""usage: validate.py SCHEMA DOCUMENT: exit status 1, and what is wrong, if the JSON document does not keep to the schema."""

import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
with open(sys.argv[2], encoding="utf-8", errors="strict") as file:
    document = json.load(file)

jsonschema.Draft7Validator.check_schema(schema)
errors = list(jsonschema.Draft7Validator(schema).iter_errors(document))
for error in errors:
    print("/".join(str(part) for part in error.absolute_path) + ": " + error.message[:300])
sys.exit(1 if errors else 0)
