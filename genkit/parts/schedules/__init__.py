"""Built-in schedules: functions of the progress t that a recipe may give in place of a number."""
