mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "000000000000" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_db_instance" {
    defaults = {
      address            = "database.example.com"
      port               = 5432
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:rds", kms_key_id = "", secret_status = "active" }]
    }
  }
}

variables {
  region        = "eu-central-1"
  bucket_suffix = "example"
  first_day     = "2026-01-01"
  extract       = { image = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/refera/extract@sha256:0000000000000000000000000000000000000000000000000000000000000000" }
  alarm_emails  = ["data@example.com"]
}

run "only_what_reads" {
  assert {
    condition     = output.extract_function == module.functions.extract.arn && output.messages == "s3://refera-messages-example" && output.lake == "s3://refera-lake-example/raw" && output.warehouse == "s3://refera-warehouse-example/warehouse"
    error_message = "Who calls the function is told where it is, and where everything goes."
  }

  assert {
    condition     = output.transform_function == null && output.security_group == null && output.hash_key_secret == null && output.dagster_page == null && output.source == null
    error_message = "What was not asked for is not there."
  }

  assert {
    condition     = toset(keys(output.repositories)) == toset(["extract", "transform", "code", "dagster"])
    error_message = "There is a place for each image before anything is made of it."
  }

  assert {
    condition     = output.failed_calls == module.functions.failed_calls.url && output.alarms_topic == module.alarms.topic_arn && output.readers_policy == module.readers.policy_arn && output.source_secret == module.secrets.source_arn
    error_message = "Outputs are what was made."
  }
}

run "out_of_a_zip" {
  variables {
    extract = { zip = "tests/package.txt" }
  }

  assert {
    condition     = aws_s3_object.extract[0].bucket == module.bucket["artifacts"].name && aws_s3_object.extract[0].key == "extract/${filesha256("tests/package.txt")}.zip" && aws_s3_object.extract[0].source == "tests/package.txt"
    error_message = "The zip travels through the bucket, and is named by its content."
  }
}

run "a_whole_day_without_a_machine" {
  variables {
    transform     = { image = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/refera/transform@sha256:0000000000000000000000000000000000000000000000000000000000000000" }
    has_hash_key  = true
    glue_database = "refera_warehouse"
    network = {
      vpc_id             = "vpc-1"
      subnet_ids         = ["subnet-1", "subnet-2"]
      route_table_ids    = ["rtb-1"]
      endpoints          = ["secretsmanager", "glue"]
      source_cidr_blocks = ["10.0.3.0/24"]
    }
  }

  assert {
    condition     = output.transform_function == module.functions.transform.arn && output.hash_key_secret == module.secrets.hash_key_arn && output.security_group == module.network[0].security_group_id
    error_message = "Both functions are there, in the network."
  }
}

run "with_dagster_and_a_source" {
  variables {
    network = {
      vpc_id     = "vpc-1"
      subnet_ids = ["subnet-1", "subnet-2"]
      has_nat    = true
      endpoints  = []
    }
    source_database = {}
    dagster = {
      code_image    = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/refera/code@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      dagster_image = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/refera/dagster@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      viewers       = ["10.8.0.0/16"]
    }
  }

  assert {
    condition     = output.dagster_page == "http://webserver.refera.internal:3000" && output.source.address == "database.example.com"
    error_message = "Dagster and the database are there."
  }
}
