"""How sure one can be of a share: what a sample of clips, or of planted leaks, allows to say."""

CONFIDENCE = 0.95


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """Return the two-sided 95% interval of a share (Wilson's score interval); 0 to 1 of nothing."""
    from scipy.stats import binomtest

    if not total:
        return 0.0, 1.0
    interval = binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def upper_bound(count: int, total: int) -> float:
    """Return the one-sided 95% upper bound of a share (Clopper and Pearson); 1 of nothing.

    It holds whatever the share is: none of 60 gives 0.049, none of 750 gives 0.004.
    """
    from scipy.stats import beta

    return 1.0 if count >= total else float(beta.ppf(CONFIDENCE, count + 1, total - count))


def lower_bound(count: int, total: int) -> float:
    """Return the one-sided 95% lower bound of a share (Clopper and Pearson); 0 of nothing."""
    return 1 - upper_bound(total - count, total)


def leak_bound(quarantined: int, measured: int, caught: int, planted: int) -> float:
    """Bound the share of released clips that show somebody by how well planted leaks are caught.

    Of M measured clips, L hold a leak, of which a share r is caught, so that L r clips are
    quarantined rightly and L (1 - r) released. All quarantined clips are at least the former:
    L <= quarantined / r, and of the released clips at most

        quarantined / r * (1 - r) / (measured - quarantined)

    show somebody. r is the lower bound of caught / planted. This supposes that real leaks are as
    easy to catch as the planted ones, which nobody knows: a person's look at a sample does not.

    Returns:
        0 to 1; 1 where nothing can be said.
    """
    recall, released = lower_bound(caught, planted), measured - quarantined
    if not recall or released <= 0:
        return 1.0
    return min(1.0, quarantined / recall * (1 - recall) / released)
