"""What the words of an answer mean, the same on the terminal and in the page."""

NO_ANSWERS = "No tipping points: no rows of two variants of a modality may be compared."
LEGEND = (
    "A number is the tipping point: the length from which it costs less for good, "
    "by the curve through the measured ones [its 95 % interval]."
)
AT_MOST = "It lost nowhere, so it may win from a shorter length on; from this one on it does."
PROVEN = (
    "`proven_from`, in the report, is stricter: "
    "the smallest measured length from which it wins at every longer one."
)
KERNELS = (
    "`a vs b`: two implementations, like for like; `best vs best`: the best of each per length."
)
CEILING = (
    "The share of the step that attention takes in the vanilla variant. Who replaces attention "
    "alone saves at most that."
)
VERDICTS = {
    "crosses": (
        "1,240 [1,100-1,400]",
        "It costs less from here on, loses at no longer length and wins at the longest; "
        "in brackets the 95 % interval of that length.",
    ),
    "several": (
        "1,240 [1,100-1,400] last of several",
        "It wins, loses and wins again; this is the last crossing.",
    ),
    "always": ("always (from 128)", "It wins at the shortest length and loses nowhere."),
    "wins_only_below": (
        "only below 1,024",
        "It wins at short lengths, but no longer from this one on.",
    ),
    "never_in_range": (
        "never up to 4,096",
        "It does not win up to the longest length measured; it may beyond.",
    ),
    "undecided": (
        "undecided",
        "At the longest length the two cannot be told apart within the noise.",
    ),
}
