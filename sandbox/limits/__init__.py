"""Rate limits as services have them, with windows as short as a test needs."""

from sandbox.limits.limit import Limit
from sandbox.limits.middleware import Limiter, identity_of

__all__ = ["Limit", "Limiter", "identity_of"]
