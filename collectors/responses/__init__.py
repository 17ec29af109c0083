"""What providers answered, as usage records: a response body, a recorded exchange or a stream in; tokens in disjoint buckets out."""

from __future__ import annotations

from collectors.responses.facts import known, whose
from collectors.responses.read import Reading, read_response

__all__ = ["Reading", "known", "read_response", "whose"]
