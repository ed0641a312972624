# Schedules that EventBridge Scheduler takes.

mock_provider "aws" {}

variables {
  region        = "eu-central-1"
  bucket_suffix = "example"
  first_day     = "2026-01-01"
  extract       = { zip = "tests/package.txt" }
}

run "schedule_0" {
  command = plan

  variables {
    schedule = "cron(30 0 * * ? *)"
  }

  assert {
    condition     = var.schedule == "cron(30 0 * * ? *)"
    error_message = "It is taken."
  }
}

run "schedule_1" {
  command = plan

  variables {
    schedule = "cron(0 3 ? * MON-FRI *)"
  }

  assert {
    condition     = var.schedule == "cron(0 3 ? * MON-FRI *)"
    error_message = "It is taken."
  }
}

run "schedule_2" {
  command = plan

  variables {
    schedule = "cron(15 1,13 1-15 */2 ? 2026-2030)"
  }

  assert {
    condition     = var.schedule == "cron(15 1,13 1-15 */2 ? 2026-2030)"
    error_message = "It is taken."
  }
}

run "schedule_3" {
  command = plan

  variables {
    schedule = "cron(0 0 L * ? *)"
  }

  assert {
    condition     = var.schedule == "cron(0 0 L * ? *)"
    error_message = "It is taken."
  }
}

run "schedule_4" {
  command = plan

  variables {
    schedule = "cron(0 5 ? * 2#1 *)"
  }

  assert {
    condition     = var.schedule == "cron(0 5 ? * 2#1 *)"
    error_message = "It is taken."
  }
}
