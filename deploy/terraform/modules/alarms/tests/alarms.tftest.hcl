mock_provider "aws" {}

variables {
  name              = "refera"
  place             = { region = "eu-central-1", account = "000000000000", partition = "aws" }
  extract           = { name = "refera-extract", timeout = 900 }
  transform         = { name = "refera-transform", timeout = 600 }
  failed_calls_name = "refera-failed-calls"
  kms_key_arn       = "arn:aws:kms:eu-central-1:000000000000:key/1"
  called            = ["extract", "transform"]
  emails            = ["data@example.com"]
  monthly_budget    = 120
}

run "alarms" {
  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.above)) == toset([
      "extract-errors", "extract-throttles", "extract-duration", "extract-destination",
      "transform-errors", "transform-throttles", "transform-duration", "transform-destination",
      "failed-calls",
    ]) && toset(keys(aws_cloudwatch_metric_alarm.silence)) == toset(["extract", "transform"])
    error_message = "There is an alarm for each way in which a day can be lost."
  }

  assert {
    condition = alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.above :
      alarm.dimensions == tomap(name == "failed-calls" ? { QueueName = "refera-failed-calls" } : { FunctionName = "refera-${split("-", name)[0]}" })
      ]) && alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.silence : [for query in alarm.metric_query : query.metric[0].dimensions if query.id == "calls"] == [tomap({ FunctionName = "refera-${name}" })]
    ])
    error_message = "Each alarm looks at its own function, or at the queue."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.above), values(aws_cloudwatch_metric_alarm.silence)) :
      alarm.alarm_actions == toset([aws_sns_topic.this.arn]) && alarm.ok_actions == toset([aws_sns_topic.this.arn])
    ])
    error_message = "Each alarm speaks through the topic, also when it is over."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.above["extract-duration"].threshold == 810000 && aws_cloudwatch_metric_alarm.above["transform-duration"].threshold == 540000
      && aws_cloudwatch_metric_alarm.above["extract-errors"].threshold == 0 && aws_cloudwatch_metric_alarm.above["failed-calls"].threshold == 0
    )
    error_message = "Nine tenths of the time limit, in milliseconds; of all else a single one."
  }

  assert {
    condition = alltrue([
      for alarm in values(aws_cloudwatch_metric_alarm.silence) :
      alarm.treat_missing_data == "breaching" && alarm.comparison_operator == "LessThanThreshold" && alarm.threshold == 1
      && alarm.evaluation_periods == 26 && alarm.datapoints_to_alarm == 26
      && { for query in alarm.metric_query : query.id => [query.expression, query.return_data] }["called"] == ["FILL(calls, 0)", true]
      && [for query in alarm.metric_query : [query.metric[0].metric_name, query.metric[0].stat, tostring(query.metric[0].period)] if query.id == "calls"] == [["Invocations", "Sum", "3600"]]
    ])
    error_message = "An hour without a call counts as none, and more of them than a day has are an alarm."
  }
}

run "told" {
  assert {
    condition     = aws_sns_topic_subscription.mail["data@example.com"].topic_arn == aws_sns_topic.this.arn && aws_sns_topic_subscription.mail["data@example.com"].protocol == "email"
    error_message = "Whoever is named gets a mail."
  }

  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == var.kms_key_arn && aws_sns_topic_policy.this.arn == aws_sns_topic.this.arn
    error_message = "The topic is encrypted, and has its policy."
  }

  assert {
    condition     = jsondecode(aws_sns_topic_policy.this.policy).Statement[0].Condition == { StringEquals = { "aws:SourceAccount" = "000000000000" } }
    error_message = "Only alarms of this account speak through it."
  }

  assert {
    condition = (
      aws_budgets_budget.this[0].limit_amount == "120" && aws_budgets_budget.this[0].limit_unit == "USD"
      && [for filter in aws_budgets_budget.this[0].cost_filter : one(filter.values)] == ["user:application$refera"]
      && alltrue([for each in aws_budgets_budget.this[0].notification : each.subscriber_sns_topic_arns == toset([aws_sns_topic.this.arn])])
      && length(aws_budgets_budget.this[0].notification) == 2
    )
    error_message = "The budget counts what carries the tag, and speaks through the topic."
  }
}

run "whom_nobody_calls" {
  variables {
    called = ["extract"]
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.silence) == ["extract"] && length(aws_cloudwatch_metric_alarm.above) == 9
    error_message = "Who is not called every day is not missed."
  }
}

run "one_function_and_no_budget" {
  variables {
    transform      = null
    monthly_budget = null
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.above) == 5 && length(aws_cloudwatch_metric_alarm.silence) == 1 && length(aws_budgets_budget.this) == 0
    error_message = "There is no alarm of a function that is not there."
  }
}
