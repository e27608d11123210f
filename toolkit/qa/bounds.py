"""How sure one can be of a share: what a sample of clips, or of planted leaks, allows to say."""

CONFIDENCE = 0.95


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """Return the two-sided 95% interval of a share (Wilson's score interval); 0 to 1 of nothing."""
    from scipy.stats import binomtest

    if not total:
        return 0.0, 1.0
    interval = binomtest(count, total).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def upper_bound(count: int, total: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided upper bound of a share (Clopper and Pearson); 1 of nothing.

    It holds whatever the share is: at 95%, none of 60 gives 0.049, none of 750 gives 0.004.
    """
    from scipy.stats import beta

    return 1.0 if count >= total else float(beta.ppf(confidence, count + 1, total - count))


def lower_bound(count: int, total: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided lower bound of a share (Clopper and Pearson); 0 of nothing."""
    return 1 - upper_bound(total - count, total, confidence)


def leak_bound(quarantined: int, measured: int, caught: int, planted: int) -> float:
    """Bound the share of released clips that show somebody by how well planted leaks are caught.

    Of all clips a share p holds a leak, and of these the checks catch a share r: p r of all are
    quarantined rightly, p (1 - r) released. So p r is at most the share q that is quarantined, and
    of the released clips at most

        q / r * (1 - r) / (1 - q)

    show somebody. For q its upper bound is taken, for r its lower one, each at 97.5%, so that both
    hold with 95%: that none of a few clips is quarantined does not mean that none leaks. This
    supposes that real leaks are as easy to catch as the planted ones, which nobody knows: a
    person's look at a sample does not.

    Returns:
        0 to 1; 1 where nothing can be said.
    """
    each = 1 - (1 - CONFIDENCE) / 2
    held, recall = upper_bound(quarantined, measured, each), lower_bound(caught, planted, each)
    if not recall or held >= 1:
        return 1.0
    return min(1.0, held / recall * (1 - recall) / (1 - held))
