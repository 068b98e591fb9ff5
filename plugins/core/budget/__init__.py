"""The rate budget: all tasks and workers share it, so that together they stay below a source's limits.

A process takes a lease on a block of requests from PostgreSQL, sends them without further queries, and
reports what it used when it takes the next lease. Leases expire, so a process that dies does not block
others for long. The holder stops using a lease earlier than that, measured by its monotonic clock.
"""

from core.budget.admission import Admission, Budget, NoBudget
from core.budget.bucket_budget import BucketBudget
from core.budget.leases import RateLeases
from core.budget.limits import BucketReport, LimitReader, LimitReport, Limits, QuotaReport
from core.budget.shared import SharedBudget

__all__ = [
    "Admission",
    "BucketBudget",
    "BucketReport",
    "Budget",
    "LimitReader",
    "LimitReport",
    "Limits",
    "NoBudget",
    "QuotaReport",
    "RateLeases",
    "SharedBudget",
]
