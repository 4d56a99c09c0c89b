"""Built-in schedules: functions of the progress t that a recipe may give in place of a number.

A new schedule is a file here, and one `Entry` below.
"""

from genkit.hooks import Entry

SOFT_INTRO_VAE = "https://arxiv.org/abs/2012.13253"

ENTRIES = (
    Entry("constant", "genkit.core.constant_schedule:ConstantSchedule", "Constant value", ""),
    Entry("linear", "genkit.parts.schedules.linear:LinearSchedule", "Straight line between two values", ""),
    Entry(
        "cosine",
        "genkit.parts.schedules.cosine:CosineSchedule",
        "Half a cosine between two values",
        "https://arxiv.org/abs/1608.03983",
    ),
    Entry(
        "multistep",
        "genkit.parts.schedules.multistep:MultistepSchedule",
        "Value multiplied by a factor at milestones",
        SOFT_INTRO_VAE,
    ),
)
