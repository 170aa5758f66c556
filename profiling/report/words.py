"""What the words of an answer mean, the same on the terminal and in the page."""

NO_ANSWERS = "No tipping points: no rows of two variants of a modality may be compared."
LEGEND = (
    "A number is the tipping point: the length from which the efficient variant costs less for "
    "good, read from the curve through the measured lengths [its 95 % interval]."
)
AT_MOST = (
    "The efficient variant lost nowhere, so it may win from a shorter length on; from this length "
    "on it wins."
)
PROVEN = (
    "`proven_from`, in the report, is stricter: "
    "the smallest measured length from which the efficient variant wins at every longer one, too."
)
KERNELS = (
    "`a vs b` compares two implementations, like for like; `best vs best` the best of each "
    "at every length."
)
CEILING = (
    "The share of the step that attention takes in the vanilla variant. A variant that replaces "
    "attention alone saves at most that."
)
VERDICTS = {
    "crosses": (
        "1,240 [1,100-1,400]",
        "The efficient variant costs less from here on: it loses at no longer length and wins at "
        "the longest. The brackets hold the 95 % interval of that length.",
    ),
    "several": (
        "1,240 [1,100-1,400] last of several",
        "The efficient variant wins, loses and wins again; this is the last crossing.",
    ),
    "always": (
        "always (from 128)",
        "The efficient variant wins at the shortest length and loses nowhere.",
    ),
    "wins_only_below": (
        "only below 1,024",
        "The efficient variant wins at short lengths, but no longer from this one on.",
    ),
    "never_in_range": (
        "never up to 4,096",
        "The efficient variant does not win up to the longest length measured; it may beyond.",
    ),
    "undecided": (
        "undecided",
        "At the longest length the two cannot be told apart within the noise.",
    ),
}
