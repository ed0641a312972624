"""The servers a person needs on their own machine, and the sample business that lives in them.

Nothing here is used in production. ``stack`` starts, stops and describes the private servers; ``restore`` loads a
dump file in the place of the generated sample.
"""
