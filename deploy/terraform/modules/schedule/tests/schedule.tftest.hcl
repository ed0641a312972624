mock_provider "aws" {}

variables {
  name             = "refera"
  place            = { region = "eu-central-1", account = "000000000000", partition = "aws" }
  database         = "classicmodels"
  schedule         = "cron(30 0 * * ? *)"
  time_zone        = "Europe/Lisbon"
  is_enabled       = true
  function_arn     = "arn:aws:lambda:eu-central-1:000000000000:function:refera-extract"
  failed_calls_arn = "arn:aws:sqs:eu-central-1:000000000000:refera-failed-calls"
  kms_key_arn      = "arn:aws:kms:eu-central-1:000000000000:key/1"
}

run "daily" {
  assert {
    condition = (
      aws_scheduler_schedule.daily.schedule_expression == "cron(30 0 * * ? *)" && aws_scheduler_schedule.daily.schedule_expression_timezone == "Europe/Lisbon"
      && aws_scheduler_schedule.daily.state == "ENABLED" && aws_scheduler_schedule.daily.flexible_time_window[0].mode == "OFF"
      && aws_scheduler_schedule.daily.group_name == aws_scheduler_schedule_group.this.name && aws_scheduler_schedule.daily.kms_key_arn == var.kms_key_arn
    )
    error_message = "It runs when it is told to, in the zone of the partitions."
  }

  assert {
    condition     = aws_scheduler_schedule.daily.target[0].arn == var.function_arn && aws_scheduler_schedule.daily.target[0].role_arn == aws_iam_role.scheduler.arn
    error_message = "It calls the function, with its own role."
  }

  assert {
    condition     = strcontains(aws_scheduler_schedule.daily.target[0].input, "\"scheduled_at\":\"<aws.scheduler.scheduled-time>\"")
    error_message = "The event has the instant of the schedule, as EventBridge Scheduler fills it in."
  }

  assert {
    condition = jsondecode(replace(replace(aws_scheduler_schedule.daily.target[0].input, "<", "("), ">", ")")) == {
      database = "classicmodels", stage = "production", scheduled_at = "(aws.scheduler.scheduled-time)"
    }
    error_message = "The event is what the function understands."
  }

  assert {
    condition     = aws_scheduler_schedule.daily.target[0].dead_letter_config[0].arn == var.failed_calls_arn
    error_message = "An event that could not be handed over goes to the queue."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.scheduler.policy).Statement : statement.Sid => statement.Resource
    } == { CallTheFunction = var.function_arn, KeepWhatFailed = var.failed_calls_arn, Key = var.kms_key_arn }
    error_message = "The schedule may call the function, and fill the queue."
  }

  assert {
    condition     = jsondecode(aws_iam_role.scheduler.assume_role_policy).Statement[0].Condition == { StringEquals = { "aws:SourceAccount" = "000000000000" } } && aws_iam_role_policy.scheduler.role == aws_iam_role.scheduler.id
    error_message = "No schedule of another account takes the role."
  }
}

run "beside_dagster" {
  variables {
    is_enabled = false
  }

  assert {
    condition     = aws_scheduler_schedule.daily.state == "DISABLED"
    error_message = "It stands still where Dagster has a schedule of its own."
  }
}
