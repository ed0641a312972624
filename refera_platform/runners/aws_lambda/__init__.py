"""AWS Lambda: handlers of the functions, their client, and the JSON between the two."""
