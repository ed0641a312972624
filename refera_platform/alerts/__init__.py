"""What goes to people when something is wrong: one message an incident, and one when it is over."""
