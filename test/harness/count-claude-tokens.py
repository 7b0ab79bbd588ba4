"""Reads a JSON list of texts, a line each time; answers the token counts of Claude's tokenizers, older and newer."""

import json
import sys

from ctok import token_count

for line in sys.stdin:
    texts = json.loads(line)
    counts = [[token_count(text, version) for version in ("3.0", "4.8")] for text in texts]
    print(json.dumps(counts), flush=True)
