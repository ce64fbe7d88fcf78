"""Which model is asked, as far as a name and an address tell. Imports nothing heavy: who only asks that pays little."""

EMBEDDED = "embedded"
"""The name of the policy that is shipped in the package."""


def is_served(model: str | None, base_url: str | None) -> bool:
    """Whether these name an endpoint's model, not the embedded one."""
    return model != EMBEDDED and bool(model or base_url)
