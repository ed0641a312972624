# What is refused before anything is made.

mock_provider "aws" {}

variables {
  region        = "eu-central-1"
  bucket_suffix = "example"
  first_day     = "2026-01-01"
  extract       = { zip = "tests/package.txt" }
}

run "a_name_that_begins_with_a_digit" {
  command = plan

  variables {
    name = "1refera"
  }

  expect_failures = [var.name]
}

run "a_name_with_capitals" {
  command = plan

  variables {
    name = "Refera"
  }

  expect_failures = [var.name]
}

run "a_region_that_is_none" {
  command = plan

  variables {
    region = "europe"
  }

  expect_failures = [var.region]
}

run "a_suffix_that_buckets_refuse" {
  command = plan

  variables {
    bucket_suffix = "Example_Ltd"
  }

  expect_failures = [var.bucket_suffix]
}

run "a_zone_that_is_an_offset" {
  command = plan

  variables {
    time_zone = "+01:00"
  }

  expect_failures = [var.time_zone]
}

run "a_first_day_that_no_calendar_has" {
  command = plan

  variables {
    first_day = "2026-02-30"
  }

  expect_failures = [var.first_day]
}

run "a_first_day_in_another_order" {
  command = plan

  variables {
    first_day = "01/02/2026"
  }

  expect_failures = [var.first_day]
}

run "a_schedule_of_five_fields" {
  command = plan

  variables {
    schedule = "cron(30 0 * * ?)"
  }

  expect_failures = [var.schedule]
}

run "a_schedule_of_unix" {
  command = plan

  variables {
    schedule = "30 0 * * *"
  }

  expect_failures = [var.schedule]
}

run "a_schedule_without_a_question_mark" {
  command = plan

  variables {
    schedule = "cron(30 0 * * * *)"
  }

  expect_failures = [var.schedule]
}

run "a_schedule_with_two_question_marks" {
  command = plan

  variables {
    schedule = "cron(30 0 ? * ? *)"
  }

  expect_failures = [var.schedule]
}

run "a_schedule_at_the_sixtieth_minute" {
  command = plan

  variables {
    schedule = "cron(60 0 * * ? *)"
  }

  expect_failures = [var.schedule]
}

run "a_schedule_at_twenty_four" {
  command = plan

  variables {
    schedule = "cron(0 24 * * ? *)"
  }

  expect_failures = [var.schedule]
}

run "a_schedule_in_the_thirteenth_month" {
  command = plan

  variables {
    schedule = "cron(0 0 1 13 ? *)"
  }

  expect_failures = [var.schedule]
}

run "a_schedule_by_rate" {
  command = plan

  variables {
    schedule = "rate(1 day)"
  }

  expect_failures = [var.schedule]
}

run "an_architecture_that_lambda_has_not" {
  command = plan

  variables {
    architecture = "ppc64"
  }

  expect_failures = [var.architecture]
}

run "a_zip_and_an_image" {
  command = plan

  variables {
    extract = { zip = "tests/package.txt", image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000" }
  }

  expect_failures = [var.extract]
}

run "neither_zip_nor_image" {
  command = plan

  variables {
    extract = {}
  }

  expect_failures = [var.extract]
}

run "an_image_by_its_tag" {
  command = plan

  variables {
    extract = { image = "registry/extract:latest" }
  }

  expect_failures = [var.extract]
}

run "a_zip_that_is_not_there" {
  command = plan

  variables {
    extract = { zip = "tests/missing.zip" }
  }

  expect_failures = [var.extract]
}

run "too_little_memory" {
  command = plan

  variables {
    extract = { zip = "tests/package.txt", memory = 128 }
  }

  expect_failures = [var.extract]
}

run "too_much_time" {
  command = plan

  variables {
    extract = { zip = "tests/package.txt", timeout = 901 }
  }

  expect_failures = [var.extract]
}

run "too_much_storage" {
  command = plan

  variables {
    extract = { zip = "tests/package.txt", storage = 20000 }
  }

  expect_failures = [var.extract]
}

run "pieces_of_one_row" {
  command = plan

  variables {
    extract = { zip = "tests/package.txt", piece_rows = 1 }
  }

  expect_failures = [var.extract]
}

run "a_transform_by_its_tag" {
  command = plan

  variables {
    transform = { image = "registry/transform:latest" }
  }

  expect_failures = [var.transform]
}

run "a_transform_without_memory" {
  command = plan

  variables {
    transform = { image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000", memory = 512 }
  }

  expect_failures = [var.transform]
}

run "a_transform_without_time" {
  command = plan

  variables {
    transform = { image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000", timeout = 10 }
  }

  expect_failures = [var.transform]
}

run "a_transform_without_storage" {
  command = plan

  variables {
    transform = { image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000", storage = 100 }
  }

  expect_failures = [var.transform]
}

run "a_network_without_a_way_to_aws" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"] }
  }

  expect_failures = [var.network]
}

run "a_network_without_subnets" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = [], has_nat = true }
  }

  expect_failures = [var.network]
}

run "a_source_at_no_address" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], has_nat = true, source_cidr_blocks = ["10.0.3"] }
  }

  expect_failures = [var.network]
}

run "a_source_at_no_port" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], has_nat = true, source_port = 70000 }
  }

  expect_failures = [var.network]
}

run "a_database_without_a_network" {
  command = plan

  variables {
    source_database = {}
  }

  expect_failures = [var.source_database]
}

run "a_database_of_another_family" {
  command = plan

  variables {
    network         = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], has_nat = true }
    source_database = { family = "mysql5.7" }
  }

  expect_failures = [var.source_database]
}

run "a_database_without_room" {
  command = plan

  variables {
    network         = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], has_nat = true }
    source_database = { storage = 5 }
  }

  expect_failures = [var.source_database]
}

run "dagster_without_a_network" {
  command = plan

  variables {
    dagster = { code_image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000", dagster_image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000" }
  }

  expect_failures = [var.dagster]
}

run "dagster_by_its_tag" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], has_nat = true }
    dagster = { code_image = "code:latest", dagster_image = "dagster:latest" }
  }

  expect_failures = [var.dagster]
}

run "dagster_with_an_unknown_runner" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], has_nat = true }
    dagster = { code_image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000", dagster_image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000", runner = "batch" }
  }

  expect_failures = [var.dagster]
}

run "dagster_open_to_the_internet" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], has_nat = true }
    dagster = { code_image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000", dagster_image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000", viewers = ["0.0.0.0/0"] }
  }

  expect_failures = [var.dagster]
}

run "a_catalog_that_athena_refuses" {
  command = plan

  variables {
    glue_database = "Refera-Warehouse"
  }

  expect_failures = [var.glue_database]
}

run "a_mail_address_without_a_host" {
  command = plan

  variables {
    alarm_emails = ["data"]
  }

  expect_failures = [var.alarm_emails]
}

run "a_budget_of_nothing" {
  command = plan

  variables {
    monthly_budget = 0
  }

  expect_failures = [var.monthly_budget]
}

run "replaced_objects_kept_for_no_day" {
  command = plan

  variables {
    noncurrent_days = 0
  }

  expect_failures = [var.noncurrent_days]
}

run "failures_kept_for_no_day" {
  command = plan

  variables {
    failures_days = 0
  }

  expect_failures = [var.failures_days]
}

run "logs_kept_for_eight_days" {
  command = plan

  variables {
    log_retention_days = 8
  }

  expect_failures = [var.log_retention_days]
}

run "a_catalog_without_a_way_to_it" {
  command = plan

  variables {
    network       = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], route_table_ids = ["rtb-1"] }
    glue_database = "refera_warehouse"
  }

  expect_failures = [var.glue_database]
}

run "dagster_without_a_way_to_aws" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], route_table_ids = ["rtb-1"] }
    dagster = { code_image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000", dagster_image = "x@sha256:0000000000000000000000000000000000000000000000000000000000000000" }
  }

  expect_failures = [var.dagster]
}

run "an_interface_that_is_made_and_there" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], has_s3_gateway = true, endpoints = ["secretsmanager"], endpoint_security_groups = { secretsmanager = "sg-1" } }
  }

  expect_failures = [var.network]
}

run "a_database_of_one_zone" {
  command = plan

  variables {
    network         = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], has_nat = true }
    source_database = {}
  }

  expect_failures = [var.source_database]
}

run "a_database_of_two_versions" {
  command = plan

  variables {
    network         = { vpc_id = "vpc-1", subnet_ids = ["subnet-1", "subnet-2"], has_nat = true }
    source_database = { family = "mysql8.0" }
  }

  expect_failures = [var.source_database]
}

run "dagster_in_one_zone" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], has_nat = true }
    dagster = { code_image = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/refera/code@sha256:0000000000000000000000000000000000000000000000000000000000000000", dagster_image = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/refera/code@sha256:0000000000000000000000000000000000000000000000000000000000000000" }
  }

  expect_failures = [var.dagster]
}
