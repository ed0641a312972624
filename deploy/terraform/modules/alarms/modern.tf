# Resources of newer providers; nothing refers to them.

resource "aws_budgets_budget" "this" {
  count = var.monthly_budget == null ? 0 : 1

  name         = "${var.name}-monthly"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  # what was made here carries the tag; it must be switched on once as a cost allocation tag
  cost_filter {
    name   = "TagKeyValue"
    values = ["${join("$", ["user:application", var.name])}"]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      notification_type         = notification.key
      subscriber_sns_topic_arns = [aws_sns_topic.this.arn]
    }
  }

  # a budget asks whether it may speak through the topic
  depends_on = [aws_sns_topic_policy.this]
}
