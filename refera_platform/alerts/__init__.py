"""Alerts to people: one message when an incident begins, one when it is over. Imports no Dagster."""
