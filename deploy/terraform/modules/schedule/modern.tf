# Once a day the function is called with the instant of the schedule: it captures the days that ended before it.

resource "aws_scheduler_schedule_group" "this" {
  name = var.name
}

resource "aws_scheduler_schedule" "daily" {
  name                         = "${var.name}-daily"
  description                  = "The days of ${var.database} that ended, into the lake"
  group_name                   = aws_scheduler_schedule_group.this.name
  state                        = var.is_enabled ? "ENABLED" : "DISABLED"
  schedule_expression          = var.schedule
  schedule_expression_timezone = var.time_zone
  kms_key_arn                  = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.function_arn
    role_arn = aws_iam_role.scheduler.arn

    # EventBridge Scheduler fills the instant in; jsonencode would write < and > as \u003c
    input = replace(replace(jsonencode({
      database     = var.database
      stage        = "production"
      scheduled_at = "<aws.scheduler.scheduled-time>"
    }), "\\u003c", "<"), "\\u003e", ">")

    dead_letter_config {
      arn = var.failed_calls_arn
    }

    # only of handing the event over: a function that fails is tried again by Lambda
    retry_policy {
      maximum_retry_attempts       = 5
      maximum_event_age_in_seconds = 6 * 60 * 60
    }
  }
}
