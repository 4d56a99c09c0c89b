"""Built-in schedules: functions of the progress t that a recipe may give in place of a number.

A new schedule is a file here, and one line in `genkit/parts/builtin.py`.
"""
