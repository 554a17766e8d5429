"""How far chance is from explaining what was seen. Pure."""

from sidestep.streams.logistic import log


def surprise(bad: float, of: float, usual: float) -> float:
    """Minus the logarithm of how likely at least `bad` of `of` are by chance, where a share of `usual` is expected; 0
    where it is no more than that.

    The bound of Chernoff and Hoeffding (1963): chance is never likelier than that. It holds for yes and no, and for
    risks from 0 to 1 as well.
    """
    share = min(1.0, bad / of) if of else 0.0
    if share <= usual or usual >= 1:
        return 0.0
    good = (1 - share) * log((1 - share) / (1 - usual)) if share < 1 else 0.0
    return of * (share * log(share / usual) + good)


def is_chance(bad: float, of: float, usual: float, chance: float) -> bool:
    """Whether it may be chance: likelier than once in 1 / `chance` looks."""
    return surprise(bad, of, usual) < -log(chance)
