# Who is told when something is wrong: one topic, and an alarm for each way in which a day can be lost.

locals {
  functions = { for key, each in { extract = var.extract, transform = var.transform } : key => each if each != null }

  # of each function; a threshold of null is nine tenths of its time limit
  of_functions = {
    errors      = { metric = "Errors", statistic = "Sum", threshold = 0, says = "failed; its log says why, and what Lambda gave up is in the queue" }
    throttles   = { metric = "Throttles", statistic = "Sum", threshold = 0, says = "had no room for a call: raise its reserved concurrency or the account's" }
    duration    = { metric = "Duration", statistic = "Maximum", threshold = null, says = "took nine tenths of its time limit: lower REFERA_PIECE_ROWS, or give it more memory" }
    destination = { metric = "DestinationDeliveryFailures", statistic = "Sum", threshold = 0, says = "could not hand on what came of a call: look at the rights of its role" }
  }

  above = merge({ for pair in setproduct(keys(local.functions), keys(local.of_functions)) : "${pair[0]}-${pair[1]}" => {
    namespace   = "AWS/Lambda"
    metric      = local.of_functions[pair[1]].metric
    statistic   = local.of_functions[pair[1]].statistic
    dimensions  = { FunctionName = local.functions[pair[0]].name }
    threshold   = coalesce(local.of_functions[pair[1]].threshold, local.functions[pair[0]].timeout * 900)
    description = "${local.functions[pair[0]].name} ${local.of_functions[pair[1]].says}"
    } }, {
    failed-calls = {
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      statistic   = "Maximum"
      dimensions  = { QueueName = var.failed_calls_name }
      threshold   = 0
      description = "A call failed for good and waits in ${var.failed_calls_name}: mend the cause, then call with the same event"
    }
  })
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

resource "aws_cloudwatch_metric_alarm" "above" {
  for_each = local.above

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  dimensions          = each.value.dimensions
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}

resource "aws_cloudwatch_metric_alarm" "silence" {
  for_each = { for key, each in local.functions : key => each if contains(var.called, key) }

  alarm_name          = "${var.name}-${each.key}-silence"
  alarm_description   = "${each.value.name} was not called for 26 hours: is the schedule on, or Dagster's?"
  evaluation_periods  = 26
  datapoints_to_alarm = 26
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]

  # of an hour without a call there is no number, and an alarm would look for one further back. More hours than a day
  # has: what is called once a day is not called at the same minute, and one day of autumn has 25
  metric_query {
    id          = "called"
    expression  = "FILL(calls, 0)"
    label       = "calls of ${each.value.name}"
    return_data = true
  }

  metric_query {
    id = "calls"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Invocations"
      stat        = "Sum"
      period      = 60 * 60
      dimensions  = { FunctionName = each.value.name }
    }
  }
}
