# Who is told when something is wrong: one topic, and an alarm for each way in which a day can be lost.

locals {
  functions = { for key, each in { extract = var.extract, transform = var.transform } : key => each if each != null }

  alarms = merge(
    { for key, each in local.functions : "${key}-errors" => {
      description = "${each.name} failed; its log says why, and what Lambda gave up is in the queue"
      namespace   = "AWS/Lambda", metric = "Errors", statistic = "Sum", dimensions = { FunctionName = each.name }
      period      = 300, comparison = "GreaterThanThreshold", threshold = 0, missing = "notBreaching"
    } },
    { for key, each in local.functions : "${key}-throttles" => {
      description = "${each.name} had no room for a call: raise its reserved concurrency or the account's"
      namespace   = "AWS/Lambda", metric = "Throttles", statistic = "Sum", dimensions = { FunctionName = each.name }
      period      = 300, comparison = "GreaterThanThreshold", threshold = 0, missing = "notBreaching"
    } },
    { for key, each in local.functions : "${key}-duration" => {
      description = "${each.name} took nine tenths of its time limit: lower REFERA_PIECE_ROWS, or give it more memory"
      namespace   = "AWS/Lambda", metric = "Duration", statistic = "Maximum", dimensions = { FunctionName = each.name }
      period      = 300, comparison = "GreaterThanThreshold", threshold = each.timeout * 900, missing = "notBreaching"
    } },
    { for key, each in local.functions : "${key}-silence" => {
      description = "${each.name} was not called for a day: is the schedule on, or Dagster's?"
      namespace   = "AWS/Lambda", metric = "Invocations", statistic = "Sum", dimensions = { FunctionName = each.name }
      period      = 86400, comparison = "LessThanThreshold", threshold = 1, missing = "breaching"
    } },
    { for key, each in local.functions : "${key}-destination" => {
      description = "What came of a call of ${each.name} could not be handed on: look at the rights of its role"
      namespace   = "AWS/Lambda", metric = "DestinationDeliveryFailures", statistic = "Sum", dimensions = { FunctionName = each.name }
      period      = 300, comparison = "GreaterThanThreshold", threshold = 0, missing = "notBreaching"
    } },
    { failed-calls = {
      description = "A call failed for good and waits in ${var.failed_calls_name}: mend the cause, then call with the same event"
      namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", dimensions = { QueueName = var.failed_calls_name }
      period      = 300, comparison = "GreaterThanThreshold", threshold = 0, missing = "notBreaching"
    } },
  )
}

resource "aws_sns_topic" "this" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AlarmsAndBudgets"
      Effect    = "Allow"
      Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.this.arn
      Condition = { StringEquals = { "aws:SourceAccount" = var.place.account } }
    }]
  })
}

resource "aws_sns_topic_subscription" "mail" {
  for_each = var.emails

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  period              = each.value.period
  evaluation_periods  = 1
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}
