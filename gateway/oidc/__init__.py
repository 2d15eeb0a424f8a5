"""OpenID Connect: what is asked of a provider, and what its answers are worth."""
