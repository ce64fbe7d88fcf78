"""Recognises keys and tokens in a text: a small set of rules, each for one shape that real secrets have.

Notes are shown to models and can be exported, so none may hold a secret. The rules know what issuers say of their
tokens' shapes; the last ones know addresses, assignments and sentences. A false alarm costs the writer a rewording.
"""

import math
import re
from collections import Counter

_SHAPES = (
    (
        "a private key",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 (?:[A-Z]+ )?PRIVATE KEY ----",
    ),
    ("an age secret key", r"\bAGE-SECRET-KEY-1[0-9A-Z]{20,}"),
    ("an AWS access key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\b(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{22,})"),
    ("a GitLab token", r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[0-9A-Za-z_-]{20,}"),
    ("a Slack token", r"\bxox[abeoprs]-[0-9A-Za-z-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w+"),
    ("an API key of a model provider", r"\bsk-(?:ant-|proj-|svcacct-|or-v1-)?[0-9A-Za-z_-]{20,}"),
    ("a Hugging Face token", r"\bhf_[0-9A-Za-z]{30,}"),
    ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}|\bya29\.[0-9A-Za-z_-]{20,}"),
    ("a Stripe key", r"\b[rs]k_(?:live|test)_[0-9A-Za-z]{16,}"),
    ("a DigitalOcean or Shopify token", r"\bdo[opr]_v1_[0-9a-f]{40,}|\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b"),
    ("a bearer token", r"\b[Bb]earer\s+(?=\S*\d)[0-9A-Za-z._~+/=-]{16,}"),
    ("a token of a package registry", r"\b(?:pypi-AgE[0-9A-Za-z_-]{30,}|npm_[0-9A-Za-z]{36})"),
    ("a signed web token", r"\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}"),
    ("a SendGrid or Twilio key", r"\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}|\bSK[0-9a-f]{32}\b"),
    (
        "a password in an address",
        r"\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@]*:(?!\$|<|\{|%|\*|x+@|pass(?:word)?@)[^\s/@]{3,}@",
    ),
)
_RULES = tuple((what, re.compile(pattern)) for what, pattern in _SHAPES)
_CALLED = r"(?i)(?:secret|token|passw(?:or)?d|pwd|passphrase|(?:api|access|account|private)[ _-]?key|credential)s?"
_ASSIGNED = re.compile(_CALLED + r"[\w-]*[\"']?\s*(?::|=>?|\bis\b)\s*[\"'`]?([0-9A-Za-z+/_.~!@#$%^&*=-]{12,})")
_SAID = re.compile(_CALLED + r"(?:(?: \w+){1,3} is)? [\"'`]?([0-9A-Za-z+/=-]{20,})(?![\w(])")
"""In words only what is longer, and looks like no name."""
_LEAST_ENTROPY = 3.5
"""Bits a character; words and dotted names have less, random keys have more."""
_HEX = re.compile(r"[0-9A-Fa-f]{32,}")
_LEAST_OF_HEX = 2.8
"""Of 16 digits few random ones have less."""


def find_secret(text: str) -> str | None:
    """What kind of secret the text holds, as a noun with its article; None where none is seen."""
    for what, pattern in _RULES:
        if pattern.search(text):
            return what
    if any(_is_random(found[1]) for rule in (_ASSIGNED, _SAID) for found in rule.finditer(text)):
        return "a value that looks like a password or key"
    return None


def _is_random(value: str) -> bool:
    """Digits and letters in no order, as no identifier has them."""
    value = value.rstrip(".,;:!")
    if not (re.search(r"\d", value) and re.search(r"[A-Za-z]", value)):
        return False
    counts = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    least = _LEAST_OF_HEX if _HEX.fullmatch(value) else _LEAST_ENTROPY
    return entropy >= min(least, math.log2(len(value)) - 0.5)
