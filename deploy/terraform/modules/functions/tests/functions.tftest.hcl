mock_provider "aws" {}

variables {
  name                = "refera"
  place               = { region = "eu-central-1", account = "000000000000", partition = "aws" }
  architecture        = "arm64"
  lake                = { name = "lake", arn = "arn:aws:s3:::lake" }
  warehouse           = { name = "warehouse", arn = "arn:aws:s3:::warehouse" }
  messages            = { name = "messages", arn = "arn:aws:s3:::messages" }
  kms_key_arn         = "arn:aws:kms:eu-central-1:000000000000:key/1"
  source_secret_arn   = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:refera/source"
  hash_key_secret_arn = null
  extract = {
    zip                  = { bucket = "artifacts", key = "extract/1.zip", version = "v1" }
    memory               = 2048
    timeout              = 900
    storage              = 2048
    reserved_concurrency = -1
  }
  transform          = { image = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/refera/transform@sha256:1", memory = 4096, timeout = 900, storage = 4096, reserved_concurrency = 1 }
  network            = null
  time_zone          = "Europe/Lisbon"
  first_day          = "2026-01-01"
  glue_database      = "refera_warehouse"
  log_retention_days = 400
}

run "extract_out_of_a_zip" {
  assert {
    condition = (
      aws_lambda_function.extract.package_type == "Zip" && aws_lambda_function.extract.image_uri == null
      && aws_lambda_function.extract.s3_bucket == "artifacts" && aws_lambda_function.extract.s3_key == "extract/1.zip"
      && aws_lambda_function.extract.s3_object_version == "v1"
    )
    error_message = "The function is the zip that was named."
  }

  assert {
    condition     = aws_lambda_function.extract.runtime == "python3.12" && aws_lambda_function.extract.handler == "refera_platform.runners.aws_lambda.handler.handler"
    error_message = "DuckDB's extension needs Amazon Linux 2023, which is python3.12 or newer."
  }

  assert {
    condition = aws_lambda_function.extract.environment[0].variables == tomap({
      REFERA_STAGE                = "production"
      REFERA_LAKE                 = "s3://lake/raw"
      REFERA_WAREHOUSE            = "s3://warehouse/warehouse"
      REFERA_TIME_ZONE            = "Europe/Lisbon"
      REFERA_FIRST_DAY            = "2026-01-01"
      REFERA_CLASSICMODELS_SECRET = var.source_secret_arn
      REFERA_MESSAGES             = "s3://messages"
    })
    error_message = "The function is told where everything is, and of secrets only their names."
  }

  assert {
    condition = (
      aws_lambda_function.extract.role == aws_iam_role.extract.arn && aws_lambda_function.extract.kms_key_arn == var.kms_key_arn
      && aws_lambda_function.extract.architectures == tolist(["arm64"]) && aws_lambda_function.extract.memory_size == 2048
      && aws_lambda_function.extract.timeout == 900 && aws_lambda_function.extract.ephemeral_storage[0].size == 2048
      && length(aws_lambda_function.extract.vpc_config) == 0
    )
    error_message = "The function has its role, its size and its time."
  }

  assert {
    condition     = aws_cloudwatch_log_group.extract.name == "/aws/lambda/${aws_lambda_function.extract.function_name}" && aws_cloudwatch_log_group.extract.retention_in_days == 400 && aws_cloudwatch_log_group.extract.kms_key_id == var.kms_key_arn
    error_message = "Its log is the one that Lambda writes to, kept for its days, encrypted."
  }
}

run "transform" {
  assert {
    condition = (
      aws_lambda_function.transform[0].package_type == "Image" && aws_lambda_function.transform[0].image_uri == var.transform.image
      && aws_lambda_function.transform[0].role == aws_iam_role.transform[0].arn
      && aws_lambda_function.transform[0].reserved_concurrent_executions == 1
    )
    error_message = "The function is the image that was named, with a role of its own."
  }

  assert {
    condition = aws_lambda_function.transform[0].environment[0].variables == tomap({
      REFERA_STAGE         = "production"
      REFERA_LAKE          = "s3://lake/raw"
      REFERA_WAREHOUSE     = "s3://warehouse/warehouse"
      REFERA_TIME_ZONE     = "Europe/Lisbon"
      REFERA_FIRST_DAY     = "2026-01-01"
      REFERA_GLUE_DATABASE = "refera_warehouse"
    })
    error_message = "Who builds the warehouse is told nothing of the source."
  }

  assert {
    condition     = aws_cloudwatch_log_group.transform[0].name == "/aws/lambda/${aws_lambda_function.transform[0].function_name}"
    error_message = "Its log is the one that Lambda writes to."
  }
}

run "what_follows_a_call" {
  assert {
    condition = (
      aws_lambda_function_event_invoke_config.extract.function_name == aws_lambda_function.extract.function_name
      && aws_lambda_function_event_invoke_config.extract.destination_config[0].on_success[0].destination == aws_lambda_function.transform[0].arn
      && aws_lambda_function_event_invoke_config.extract.destination_config[0].on_failure[0].destination == aws_sqs_queue.failed.arn
      && aws_lambda_function_event_invoke_config.extract.maximum_retry_attempts == 2
    )
    error_message = "After a capture comes the warehouse, after a failure the queue."
  }

  assert {
    condition = (
      aws_lambda_function_event_invoke_config.transform[0].function_name == aws_lambda_function.transform[0].function_name
      && aws_lambda_function_event_invoke_config.transform[0].destination_config[0].on_failure[0].destination == aws_sqs_queue.failed.arn
    )
    error_message = "A build that failed goes to the queue."
  }

  assert {
    condition     = aws_sqs_queue.failed.kms_master_key_id == var.kms_key_arn && aws_sqs_queue.failed.message_retention_seconds == 1209600
    error_message = "The queue keeps what failed for two weeks, encrypted."
  }
}

run "rights" {
  assert {
    condition     = aws_iam_role_policy.extract.role == aws_iam_role.extract.id && aws_iam_role_policy.transform[0].role == aws_iam_role.transform[0].id
    error_message = "Each role has the policy that was written for it."
  }

  assert {
    condition     = strcontains(aws_iam_role_policy.extract.policy, "warehouse") == false
    error_message = "Who reads the source has no business in the warehouse."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.extract.policy).Statement : statement.Resource if contains(flatten([statement.Action]), "s3:DeleteObject")
    ] == ["arn:aws:s3:::lake/raw/_staging/*"]
    error_message = "Who reads the source removes nothing but pieces."
  }

  assert {
    condition     = strcontains(aws_iam_role_policy.transform[0].policy, "secretsmanager") == false
    error_message = "Who builds the warehouse gets no secret."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.extract.policy).Statement : statement.Resource if statement.Action == "lambda:InvokeFunction"
    ] == [aws_lambda_function.transform[0].arn]
    error_message = "Lambda calls the next function with the rights of the one before."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.extract.policy).Statement : statement.Resource if statement.Sid == "OwnLog"
    ] == ["${aws_cloudwatch_log_group.extract.arn}:*"]
    error_message = "A function writes its own log."
  }

  assert {
    condition     = alltrue([for role in [aws_iam_role.extract, aws_iam_role.transform[0]] : jsondecode(role.assume_role_policy).Statement[0].Principal == { Service = "lambda.amazonaws.com" }])
    error_message = "Only Lambda takes these roles."
  }
}

run "extract_out_of_an_image_in_a_network" {
  variables {
    extract = {
      image                = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/refera/extract@sha256:2"
      memory               = 1024
      timeout              = 600
      storage              = 512
      piece_rows           = 500000
      reserved_concurrency = 8
    }
    hash_key_secret_arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:refera/hash-key"
    network             = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
  }

  assert {
    condition     = aws_lambda_function.extract.package_type == "Image" && aws_lambda_function.extract.image_uri == var.extract.image && aws_lambda_function.extract.runtime == null && aws_lambda_function.extract.s3_bucket == null
    error_message = "The function is the image that was named."
  }

  assert {
    condition     = toset(aws_lambda_function.extract.vpc_config[0].subnet_ids) == toset(["subnet-1", "subnet-2"]) && toset(aws_lambda_function.transform[0].vpc_config[0].security_group_ids) == toset(["sg-1"])
    error_message = "Both functions stand in the network."
  }

  assert {
    condition     = aws_lambda_function.extract.environment[0].variables.REFERA_HASH_KEY_SECRET == var.hash_key_secret_arn && aws_lambda_function.extract.environment[0].variables.REFERA_PIECE_ROWS == "500000"
    error_message = "The function is told of the hash key's secret, and how large a piece is."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.extract.policy).Statement[4].Resource == [var.source_secret_arn, var.hash_key_secret_arn]
    error_message = "It gets both secrets."
  }
}

run "without_a_warehouse" {
  variables {
    transform     = null
    glue_database = null
  }

  assert {
    condition     = length(aws_lambda_function.transform) == 0 && length(aws_iam_role.transform) == 0 && length(aws_lambda_function_event_invoke_config.extract.destination_config[0].on_success) == 0
    error_message = "Where Dagster builds the warehouse nothing follows a capture."
  }

  assert {
    condition     = output.transform == null && output.extract.name == "refera-extract" && !strcontains(jsonencode(output.builds_the_warehouse), "glue")
    error_message = "There is no second function, and no catalog."
  }
}
